"""The command ``skood``: reads the arguments and hands over to the part that does the work."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from skood import __version__

LARGEST_SEED = 2**32 - 1  # NumPy's RandomState takes no larger one


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line of skood.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments after the command's name. None takes them from ``sys.argv``.

    Returns
    -------
    int
        The exit status: 0 where all went well, 2 where the arguments cannot be used.

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
    if arguments.command is None:
        parser.print_help()
        return 2
    try:
        status = _demo(arguments)
        sys.stdout.flush()
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
    demo = commands.add_parser(
        "demo",
        help="fit and compare all detectors on data that scikit-learn carries",
        description=(
            "Fit every detector on handwritten digits 0-7, score held-out digits 0-7, digits 8 and "
            "9 (near OoD) and patches of photographs (far OoD), print one table, and write the "
            "scores (scores.csv) and, where matplotlib is installed, pictures of them: their "
            "distributions, ROC and precision-recall curves, an explanation, layers, p-values."
        ),
    )
    demo.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="draws the split and the patches (default: 0)",
    )
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("skood-demo"),
        metavar="DIR",
        help="folder for the files, made where missing (default: skood-demo)",
    )
    demo.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _seed(text: str) -> int:
    """Read a seed; argparse puts the name of the option in front of the message."""
    message = f"must be an integer from 0 to {LARGEST_SEED}. Got {text!r} instead."
    try:
        seed = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(message) from None
    if not 0 <= seed <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(message)
    return seed


def _demo(arguments: argparse.Namespace) -> int:
    """Run the demo; a folder that cannot be used is the caller's mistake, not a crash."""
    from skood.demo import OutputError, run_demo

    try:
        run_demo(arguments.output, seed=arguments.seed, quiet=arguments.quiet)
    except OutputError as error:
        print(f"skood demo: error: {error}", file=sys.stderr)
        return 2
    return 0
