"""`skood demo`: the main job on data that scikit-learn carries."""

import argparse
from pathlib import Path
from typing import Any

from ._errors import UsageError
from .arguments import seed


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
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
        type=seed,
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
    demo.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; a folder that cannot be used is the caller's mistake, not a crash."""
    from skood.cli.demo import OutputError, run_demo

    try:
        run_demo(arguments.output, seed=arguments.seed, quiet=arguments.quiet)
    except OutputError as error:
        raise UsageError(str(error)) from error
    return 0
