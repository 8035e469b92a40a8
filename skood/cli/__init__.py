"""The command ``skood``: reads the arguments and hands over to the part that does the work."""

import argparse
import os
import sys
from collections.abc import Sequence

from skood._version import __version__

from . import _bench, _demo, _detect, _fit, _info, _score
from ._errors import CommandError

# In the order of the help text. Each part has `add_parser(commands)` and `run(arguments)`.
COMMANDS = (_demo, _detect, _fit, _score, _bench, _info)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line of skood.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments after the command's name. None takes them from ``sys.argv``.

    Returns
    -------
    int
        The exit status: 0 where all went well, 1 where rows were flagged and the caller asked to
        be told so, 2 where the arguments cannot be used, 3 where the data cannot, 130 where the
        user interrupted.

    Examples
    --------
    >>> from skood.cli import main
    >>> main([])
    usage: skood [-h] [--version] COMMAND ...
    ...
    2
    """
    parser = _build_parser()
    arguments = parser.parse_args(argv)
    arguments.argv = sys.argv[1:] if argv is None else list(argv)
    if arguments.command is None:
        parser.print_help()
        return 2
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        if getattr(arguments, "debug", False):
            raise
        print(f"skood {arguments.command}: error: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # A reader such as `head` has closed the pipe early. Python flushes stdout once more when it
        # ends and would complain then, so stdout now leads nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("skood: interrupted", file=sys.stderr)
        return 130
    return status


def _build_parser() -> argparse.ArgumentParser:
    """Describe all commands; nothing heavy is imported for this, so that --help is quick."""
    parser = argparse.ArgumentParser(
        prog="skood", description="Out-of-distribution detection in the manner of scikit-learn."
    )
    parser.add_argument("--version", action="version", version=f"skood {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
