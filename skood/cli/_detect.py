"""`skood detect`: fits a detector to one file and scores another."""

import argparse
from pathlib import Path
from typing import Any

from ._table_arguments import (
    FILES,
    add_columns,
    add_fitting,
    add_reading,
    add_talking,
    add_writing,
)


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    detect = commands.add_parser(
        "detect",
        help="fit a detector to one file and score the rows of another",
        description=(
            "Fit a detector to the rows of one file, and write for each row of another its score "
            "(higher = more like the training rows), p-value and decision (-1: "
            "out-of-distribution). The output is written whole or not at all."
        ),
    )
    detect.add_argument(
        "--fit", type=Path, required=True, metavar="FILE", help=f"training rows: {FILES}"
    )
    detect.add_argument("--score", type=Path, required=True, metavar="FILE", help="rows to score")
    add_writing(detect)
    add_columns(detect)
    add_fitting(detect)
    add_reading(detect)
    add_talking(detect)
    detect.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit, score, write, report."""
    from ._options import DetectorOptions, PreparationOptions, ResultOptions, pick
    from ._speaking import Voice, plain_errors

    values = vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice, arguments.output):
        from ._detect_run import DetectTask, detect
        from .files import ColumnRoles, ReadingOptions

        task = DetectTask(
            training=arguments.fit,
            new=arguments.score,
            reading=pick(ReadingOptions, values),
            roles=pick(ColumnRoles, values),
            preparation=pick(PreparationOptions, values),
            detector=pick(DetectorOptions, values),
            results=pick(ResultOptions, values),
            voice=voice,
        )
        return detect(task)
