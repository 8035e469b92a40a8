"""`skood detect`: fits a detector to one file and scores another."""

import argparse
from typing import Any

from ._help import add_command
from ._table_arguments import (
    add_alarms,
    add_columns,
    add_fitting,
    add_new_rows,
    add_reading,
    add_report,
    add_talking,
    add_training_rows,
    add_writing,
)

_EXAMPLES = """
    skood detect --train train.csv --new new.csv --output scores.csv --id-column order
    skood detect --train train.csv --new new.csv --output scores.csv --exclude order --explain 3
    skood detect --train train.csv --new new.csv --output o.csv --exclude order --report o.html
    skood detect --train train.csv.gz --new - --output - --id-column order < new.csv > scores.csv
    skood detect --train parts --new parts --output scores.jsonl --id-column order
    skood detect --train train.npy --new new.npy --output scores.csv --detector embedding
"""


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    detect = add_command(
        commands,
        "detect",
        summary="fit a detector to one file and score the rows of another",
        description=(
            "Fit a detector to the rows of one file, and score the rows of another. The output has "
            "the score (higher = more like the training rows), the p-value and the decision (-1: "
            "out-of-distribution) of each row. It is written whole or not at all."
        ),
        examples=_EXAMPLES,
    )
    add_training_rows(detect)
    add_new_rows(detect)
    add_writing(detect)
    add_report(detect, "the flagged rows, their reasons and the scores")
    add_alarms(detect)
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
        from ._alarms import AlarmOptions
        from ._detect_run import DetectTask, detect
        from .files import ColumnRoles, ReadingOptions

        task = DetectTask(
            training=arguments.train,
            new=arguments.new,
            reading=pick(ReadingOptions, values),
            roles=pick(ColumnRoles, values),
            preparation=pick(PreparationOptions, values),
            detector=pick(DetectorOptions, values),
            results=pick(ResultOptions, values),
            alarms=pick(AlarmOptions, values),
            report=arguments.report,
            argv=tuple(arguments.argv),
            voice=voice,
        )
        return detect(task)
