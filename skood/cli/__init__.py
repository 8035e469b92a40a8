"""The command ``skood``: reads the arguments and calls the part that does the work."""

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
        The exit status. 0: done. 1: done, and rows are flagged (only with ``--fail-on-ood``).
        2: the arguments cannot be used. 3: the data cannot be used. 130: interrupted.

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
        # A reader such as `head` has closed the pipe early. Python flushes stdout once more at its
        # end, which would fail: stdout leads nowhere from now on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("skood: interrupted", file=sys.stderr)
        return 130
    return status


def _build_parser() -> argparse.ArgumentParser:
    """Describe all commands. Nothing heavy is imported, so that --help is quick."""
    parser = argparse.ArgumentParser(
        prog="skood", description="Out-of-distribution detection, compatible with scikit-learn."
    )
    parser.add_argument("--version", action="version", version=f"skood {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
