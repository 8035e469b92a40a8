"""`skood detect`: fits a detector to one file and scores another."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._options import DetectorOptions, PreparationOptions, ResultOptions, pick
from ._outputs import check_output
from ._speaking import Voice, plain_errors
from ._table_arguments import (
    FILES,
    add_columns,
    add_fitting,
    add_reading,
    add_talking,
    add_writing,
)

if TYPE_CHECKING:
    from skood.cli.files import ColumnRoles, ReadingOptions

    from ._fitted import Fitted
    from ._scoring import Scorer


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


@dataclass(frozen=True)
class _Task:
    """One call of the command."""

    training: Path
    new: Path
    reading: ReadingOptions
    roles: ColumnRoles
    preparation: PreparationOptions
    detector: DetectorOptions
    results: ResultOptions
    voice: Voice


def run(arguments: argparse.Namespace) -> int:
    """Fit, score, write, report."""
    values = vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice, arguments.output):
        from skood.cli.files import ColumnRoles, ReadingOptions

        task = _Task(
            training=arguments.fit,
            new=arguments.score,
            reading=pick(ReadingOptions, values),
            roles=pick(ColumnRoles, values),
            preparation=pick(PreparationOptions, values),
            detector=pick(DetectorOptions, values),
            results=pick(ResultOptions, values),
            voice=voice,
        )
        return _detect(task)


def _detect(task: _Task) -> int:
    output = task.results.output
    check_output(output, [task.training, task.new])
    fitted, source = _fit_and_open(task)

    from ._run_blocks import report
    from ._scoring import Scorer

    scorer = Scorer(fitted, source.row_name, task.results.explain)
    _write(source, scorer, task.results, task.voice)
    task.voice.say(f"written to {output}")
    report(scorer, source, task.results, task.voice)
    return task.results.exit_status(scorer.tally["flagged"])


def _fit_and_open(task: _Task) -> tuple[Fitted, Any]:
    """The detector, and the file to score: opened before the fit, to find its faults early."""
    from ._fitting import fit_file
    from ._inputs import open_input
    from ._matching import matched

    images = task.detector.features is not None
    source = None
    if not (images and task.new.is_dir()):  # the size of images is known only after the fit
        source = open_input(task.new, task.reading, images=images)
    fitted = fit_file(
        task.training,
        task.reading,
        task.roles,
        task.preparation,
        task.detector,
        task.voice,
        also_in=source,
    )
    if source is None:
        source = open_input(task.new, task.reading, images=True, shape=fitted.image_shape)
    return matched(fitted, source, task.roles, task.voice), source


def _write(source: Any, scorer: Scorer, options: ResultOptions, voice: Voice) -> None:
    """Score all rows, and write the results whole or not at all."""
    from skood.cli.files import block_length, results_format
    from skood.storage.whole_file import temporary_beside

    from ._run_blocks import score_file

    results = results_format(options.output)
    length = options.block_rows or block_length(scorer.fitted.layout.width)
    temporary = temporary_beside(options.output)
    try:
        with temporary.open("xb") as file:

            def take(batch: Any) -> None:
                if not file.tell():
                    file.write(results.head(batch.schema))
                file.write(results.piece(batch))

            score_file(source, scorer, length, take, voice)
        results.finish(temporary, options.output)
    finally:
        temporary.unlink(missing_ok=True)
