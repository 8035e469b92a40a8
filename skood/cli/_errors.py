"""Errors of the commands: one sentence each, and an exit status."""


class CommandError(Exception):
    """A mistake that the user can mend; shown without a traceback."""

    status = 2


class UsageError(CommandError):
    """The arguments cannot be used."""

    status = 2


class DataError(CommandError):
    """The data cannot be used."""

    status = 3
