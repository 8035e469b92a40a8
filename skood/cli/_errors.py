"""What a command cannot do, in one sentence, and the exit status that says so."""


class CommandError(Exception):
    """A mistake that the user can mend; shown without a traceback."""

    status = 2


class UsageError(CommandError):
    """The arguments cannot be used."""

    status = 2


class DataError(CommandError):
    """The data cannot be used."""

    status = 3
