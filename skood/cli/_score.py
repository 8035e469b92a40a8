"""`skood score`: scores a file of any length with a saved detector."""

import argparse
from pathlib import Path
from typing import Any

from ._help import add_command
from ._table_arguments import (
    add_alarms,
    add_columns,
    add_new_rows,
    add_reading,
    add_talking,
    add_writing,
)


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    score = add_command(
        commands,
        "score",
        summary="score a file of any length with a saved detector",
        description=(
            "Score the rows of a file block by block; the file may be larger than the memory. "
            "Until the last row is scored, the results are in FILE.part. --resume resumes a "
            "stopped run and ends with the same file, byte for byte."
        ),
        examples="""
            skood score detector.skood --new new.csv --output scores.csv
            skood score detector.skood --new new.csv --output scores.parquet --explain 3 --quiet
            skood score detector.skood --new parts --output scores.csv.gz
            skood score detector.skood --new - --output - < new.csv > scores.csv
        """,
    )
    score.add_argument(
        "detector", type=Path, metavar="DETECTOR", help="file of skood fit or skood.save"
    )
    add_new_rows(score)
    add_writing(score)
    add_alarms(score)
    begin = score.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="resume a stopped run")
    begin.add_argument(
        "--restart", action="store_true", help="drop the rows of a stopped run and start anew"
    )
    add_columns(score)
    add_reading(score)
    add_talking(score)
    score.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score, write, report."""
    from ._options import ResultOptions, pick
    from ._speaking import Voice, plain_errors

    values = vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice, arguments.output):
        from ._alarms import AlarmOptions
        from ._score_run import Resuming, ScoreTask, score
        from .files import ColumnRoles, ReadingOptions

        task = ScoreTask(
            detector=arguments.detector,
            trust=tuple(arguments.trust),
            rows=tuple(arguments.rows),
            file=arguments.new,
            reading=pick(ReadingOptions, values),
            roles=pick(ColumnRoles, values),
            results=pick(ResultOptions, values),
            alarms=pick(AlarmOptions, values),
            resuming=pick(Resuming, values),
            voice=voice,
        )
        return score(task)
