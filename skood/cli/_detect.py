"""`skood detect`: fits a detector to one file and scores another."""

import argparse
from pathlib import Path
from typing import Any

from ._speaking import check_output, plain_errors, say
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
        "--fit", type=Path, required=True, metavar="FILE", help=f"training: {FILES}"
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
    with plain_errors(arguments):
        return _detect(arguments)


def _detect(arguments: argparse.Namespace) -> int:
    from skood.cli.files import results_format
    from skood.storage.whole_file import temporary_beside

    from ._fitting import fit_file, open_rows
    from ._matching import matched
    from ._run_blocks import flagging, report, score_file
    from ._scoring import Scorer

    output = arguments.output
    check_output(output, [arguments.fit, arguments.score])
    images = arguments.features is not None
    # A file is looked at before the fit; the size of images is known only after it.
    source = None
    if not (images and arguments.score.is_dir()):
        source = open_rows(arguments.score, arguments, images=images)
    fitted = fit_file(arguments.fit, arguments, also_in=source)
    if source is None:
        source = open_rows(arguments.score, arguments, images=True, shape=fitted.image_shape)
    fitted = matched(fitted, source, arguments)
    scorer = Scorer(fitted, source.row_name, arguments.explain)
    results = results_format(output)
    temporary = temporary_beside(output)
    try:
        with temporary.open("xb") as file:

            def take(batch: Any) -> None:
                if not file.tell():
                    file.write(results.head(batch.schema))
                file.write(results.piece(batch))

            score_file(source, scorer, arguments, take, missing=fitted.fills_missing)
        results.finish(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    say(arguments, f"written to {output}")
    return report(scorer, arguments, source, flagging(fitted))
