"""What is wrong with a file of rows, in one sentence."""


class TableError(ValueError):
    """A file cannot be read as rows of the expected columns."""


class OptionError(TableError):
    """What is told about a file, or asked for, does not go with it."""


def listed(names: list[str] | tuple[str, ...], most: int = 8) -> str:
    """Names in quotes, the first few of them.

    Examples
    --------
    >>> from skood.cli.files._errors import listed
    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
