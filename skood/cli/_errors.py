"""Errors of the commands: one sentence each, and an exit status."""


def shown(text: str) -> str:
    r"""Text of files as a terminal may get it: control characters as escapes.

    Examples
    --------
    >>> from skood.cli._errors import shown
    >>> print(shown("r\x1b[31med"))
    r\x1b[31med
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


class CommandError(Exception):
    """A mistake that the user can correct; shown without a traceback."""

    status = 2


class UsageError(CommandError):
    """The arguments cannot be used."""

    status = 2


class DataError(CommandError):
    """The data cannot be used."""

    status = 3
