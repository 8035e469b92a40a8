"""Errors with files of rows, in one sentence."""

from collections import Counter


class TableError(ValueError):
    """A file cannot be read as rows of the expected columns."""


class OptionError(TableError):
    """An option does not fit the file."""


def listed(names: list[str] | tuple[str, ...], most: int = 8) -> str:
    """The first few of some names, in quotes.

    Examples
    --------
    >>> from skood.cli.files._errors import listed
    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def check_names(file: str, columns: list[str]) -> None:
    """Raise if several columns have the same name."""
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    if twice:
        raise TableError(f"{file} has several columns with the name {listed(twice)}.")
