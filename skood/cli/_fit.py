"""`skood fit`: fits a detector to a file and saves it."""

import argparse
from pathlib import Path
from typing import Any

from ._help import add_command
from ._table_arguments import (
    add_columns,
    add_fitting,
    add_reading,
    add_talking,
    add_training_rows,
)

_EXAMPLES = """
    skood fit --train train.csv --save detector.skood --id-column order
    skood fit --train train.csv --save knn.skood --exclude order --detector knn --set n_neighbors=5
"""


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    fit = add_command(
        commands,
        "fit",
        summary="fit a detector to a file and save it",
        description=(
            "Fit a detector to the rows of a file and save it, for `skood score` and for "
            "skood.load in Python. The file also stores which columns are features."
        ),
        examples=_EXAMPLES,
    )
    add_training_rows(fit)
    fit.add_argument(
        "--save", type=Path, required=True, metavar="DETECTOR", help="such as detector.skood"
    )
    add_columns(fit, of_new_rows=False)
    add_fitting(fit)
    add_reading(fit)
    add_talking(fit)
    fit.set_defaults(run=run, ignore_extra=False)


def run(arguments: argparse.Namespace) -> int:
    """Fit and save."""
    from ._options import DetectorOptions, PreparationOptions, pick
    from ._outputs import output_at
    from ._speaking import Voice, plain_errors

    file, save, values = arguments.train, arguments.save, vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice, save), output_at(save, [file]):
        from ._fitting import fit_file
        from .files import ColumnRoles, ReadingOptions

        fitted = fit_file(
            file,
            pick(ReadingOptions, values),
            pick(ColumnRoles, values),
            pick(PreparationOptions, values),
            pick(DetectorOptions, values),
            voice,
        )
        fitted.save(save)
        voice.say(f"saved as {save}")
    return 0
