"""The command ``skood``: reads the arguments and calls the part that does the work."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from skood._version import __version__

from . import _bench, _check, _demo, _detect, _fit, _info, _score, _watch
from ._errors import CommandError, shown
from ._help import listed_examples

# In the order of the help text. Each part has `add_parser(commands)` and `run(arguments)`.
COMMANDS = (_demo, _check, _detect, _fit, _score, _watch, _bench, _info)
_EXAMPLES = """
    skood check train.csv --id-column order
    skood detect --train train.csv --new new.csv --output scores.csv --id-column order
"""
_INTERRUPTED, _TERMINATED, _PIPE_CLOSED = 130, 143, 141  # as shells have them


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line of skood.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments after the command's name. None takes them from ``sys.argv``.

    Returns
    -------
    int
        The exit status. 0: done. 1: done, and rows are flagged (``--fail-on-ood``) or too many rows
        are (``--fail-above``). 2: the arguments cannot be used. 3: the data cannot be used. 4:
        done, and an alarm: all rows together differ from the training rows (``--batch-test``,
        ``skood watch``). It takes precedence over 1. 130, 143: interrupted by Ctrl-C, by SIGTERM.
        141: the reader of the output has closed the pipe.

    Examples
    --------
    >>> from skood.cli import main
    >>> main([])
    usage: skood [-h] [--version] COMMAND ...
    ...
    2
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    try:
        with _sigterm_as_ctrl_c():
            return _run(sys.argv[1:] if argv is None else list(argv))
    except _Terminated:
        print("skood: terminated", file=sys.stderr)
        return _TERMINATED
    except KeyboardInterrupt:
        print("skood: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # a reader such as `head` has closed the pipe early
        _drop_stdout()
        return _PIPE_CLOSED


def _run(argv: list[str]) -> int:
    parser = _build_parser()
    command = ""
    try:
        try:
            arguments = parser.parse_args(argv)
            if arguments.command is None:
                parser.print_help()
                return 2
            command = f" {arguments.command}"
            arguments.argv = argv
            status: int = arguments.run(arguments)
            return status
        finally:
            sys.stdout.flush()
    except CommandError as error:
        if getattr(arguments, "debug", False):
            raise
        said, status = str(error), error.status
    except BrokenPipeError:
        raise
    except OSError as error:  # of stdout, such as a full disk
        _drop_stdout()
        said, status = f"The output cannot be printed: {error.strerror}.", 2
    print(f"skood{command}: error: {shown(said)}", file=sys.stderr)
    return status


class _Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came."""


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """After SIGTERM or SIGHUP, end as after Ctrl-C."""

    def stop(*_: object) -> None:
        raise _Terminated

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # no SIGHUP on Windows
        try:
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
        except ValueError:  # called in a thread that gets no signals
            break
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drop_stdout() -> None:
    """Close stdout: Python flushes it once more at its end, which would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """Shows the arguments that it refuses without their control characters."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, and exit."""
        super().error(shown(message))


def _build_parser() -> argparse.ArgumentParser:
    """Describe all commands. Nothing heavy is imported, so that --help is quick."""
    parser = _Parser(
        prog="skood",
        description="Out-of-distribution detection, compatible with scikit-learn.",
        epilog=listed_examples(_EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"skood {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
