"""`skood demo`: fits and compares all detectors on data that scikit-learn carries."""

import argparse
from pathlib import Path
from typing import Any

from ._errors import UsageError
from ._help import add_command
from .arguments import seed


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    demo = add_command(
        commands,
        "demo",
        summary="fit and compare all detectors on data that scikit-learn carries",
        description=(
            "Fit every detector on handwritten digits 0-7, score held-out digits 0-7, digits 8 and "
            "9 (near OoD) and patches of photographs (far OoD), print one table, and write the "
            "scores (scores.csv) and, if matplotlib is installed, pictures: distributions of "
            "scores, ROC and precision-recall curves, an explanation, layers, p-values."
        ),
        examples="""
            skood demo
            skood demo --seed 1 --output demo-1
        """,
    )
    demo.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="seed of all random draws (default: 0)",
    )
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("skood-demo"),
        metavar="DIR",
        help="folder for the files, made if missing (default: skood-demo)",
    )
    demo.add_argument("--quiet", action="store_true", help="show no progress")
    demo.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from skood.cli.demo import OutputError, run_demo

    try:
        run_demo(arguments.output, seed=arguments.seed, quiet=arguments.quiet)
    except OutputError as error:
        raise UsageError(str(error)) from error
    return 0
