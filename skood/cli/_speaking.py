"""What the commands say: errors in one sentence, warnings in one line, and the like."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._errors import CommandError, DataError, UsageError


@contextmanager
def plain_errors(arguments: argparse.Namespace) -> Iterator[None]:
    """Make one sentence of what goes wrong with files, and one line of each warning.

    Raises
    ------
    UsageError
        If a file cannot be opened or written, an option does not fit, or a package is missing.
    DataError
        If the content of a file cannot be used.
    """
    try:
        with _plain_warnings(f"skood {arguments.command}"):
            yield
    except CommandError:
        raise
    except ImportError as error:
        raise UsageError(_sentence(str(error))) from error
    except OSError as error:
        raise UsageError(_of_the_system(error, arguments)) from error
    except ValueError as error:
        from skood.cli.files import OptionError

        kind = UsageError if isinstance(error, OptionError) else DataError
        raise kind(_sentence(str(error))) from error
    except MemoryError as error:
        raise DataError("The memory is too small for the training rows.") from error


def say(arguments: argparse.Namespace, line: str) -> None:
    """Write a line to stderr, unless the command is to be quiet."""
    if not arguments.quiet:
        print(line, file=sys.stderr, flush=True)


def check_output(path: Path, inputs: list[Path]) -> None:
    """Raise unless a file can be written there: before the work, not after it.

    Raises
    ------
    UsageError
        If the folder is not there or not to be written to, or the file is a folder or an input.
    """
    from skood.storage.whole_file import temporary_beside

    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"The folder {str(folder)!r} for {path.name!r} does not exist.")
    if path.is_dir():
        raise UsageError(f"The output {str(path)!r} is a folder.")
    for one in inputs:
        if path.exists() and one.exists() and path.samefile(one):
            raise UsageError(f"The output {str(path)!r} is one of the inputs.")
    # Permission bits do not tell (root, read-only and network file systems), a real file does.
    probe = temporary_beside(folder / "probe")
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"The folder {str(folder)!r} cannot be written to ({error.strerror})."
        ) from error


@contextmanager
def _plain_warnings(who: str) -> Iterator[None]:
    """Warnings for the user in one line each, once; those for developers as Python has them."""
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        line = _sentence(str(message))
        if issubclass(category, UserWarning) and line not in told:
            told.add(line)
            print(f"{who}: warning: {line}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _of_the_system(error: OSError, arguments: argparse.Namespace) -> str:
    """What the system says, with the file: of a full disk it does not say which."""
    what = error.strerror or _sentence(str(error)).rstrip(".")
    if error.filename is None:
        written = getattr(arguments, "output", getattr(arguments, "save", None))
        is_full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
        return f"{written} cannot be written: {what}." if is_full else f"{what}."
    return f"{os.fspath(error.filename)}: {what}."


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
