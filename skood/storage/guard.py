"""One sentence in place of any error of a library, for files that a stranger may have made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_SHOWN = 300  # characters


@contextmanager
def one_sentence(beginning: str, *passing: type[Exception]) -> Iterator[None]:
    """Turn each error in the block into a ValueError of one sentence.

    Parameters
    ----------
    beginning : str
        Which file, and what is wrong with it. The cause follows after a colon.
    *passing : type of exception
        Errors that pass unchanged.

    Raises
    ------
    ValueError
        In place of any error but `passing`.

    Examples
    --------
    >>> from skood.storage.guard import one_sentence
    >>> with one_sentence("The file 'a.skood' has no format"):
    ...     {}["format"]
    Traceback (most recent call last):
        ...
    ValueError: The file 'a.skood' has no format: KeyError 'format'.
    """
    try:
        yield
    except Exception as error:  # any: the libraries take the file for sound
        if isinstance(error, (Warning, *passing)):
            raise
        text = repr(" ".join(str(error).split()))[1:-1].rstrip(".")
        kind = "" if isinstance(error, ValueError) and text else f"{type(error).__name__} "
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        raise ValueError(f"{beginning}: {kind}{shown}".rstrip() + ".") from error
