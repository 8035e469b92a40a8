"""`skood check`: asks all questions about the columns of a file, before a fit."""

import argparse
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from ._help import add_command
from ._table_arguments import TABLES, add_columns, add_preparation, add_reading, add_talking
from .arguments import given_options


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    check = add_command(
        commands,
        "check",
        summary="describe the columns of a file, and ask all questions before a fit",
        description=(
            "Read a table once, describe each column, and list all findings with the options that "
            "answer them. The exit status is 0 without findings, else 3."
        ),
        examples="""
            skood check train.csv --id-column order
            skood check new.csv --against train.csv --id-column order
        """,
    )
    check.add_argument("file", type=Path, metavar="FILE", help=TABLES)
    check.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help=f"the training rows ({TABLES}), or a saved detector (.skood)",
    )
    add_columns(check)
    add_preparation(check.add_argument_group("columns that are features"))
    add_reading(check)
    add_talking(check)
    check.set_defaults(run=partial(run, check))


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Read, describe, list."""
    from ._options import PreparationOptions, pick
    from ._speaking import Voice, plain_errors

    values = vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice):
        from ._check_run import CheckTask, check
        from .files import ColumnRoles, ReadingOptions

        task = CheckTask(
            arguments.file,
            arguments.against,
            tuple(arguments.trust),
            pick(ReadingOptions, values),
            pick(ColumnRoles, values),
            pick(PreparationOptions, values),
            _given(parser, arguments),
            voice,
        )
        return check(task)


def _given(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> tuple[str, ...]:
    """The given options that the next command takes too, as text."""
    left_out = {"against", "quiet", "debug"}
    if arguments.against is None:
        left_out.add("ignore_extra")
    elif arguments.against.suffix == ".skood":
        from ._options import PreparationOptions

        left_out.update(field.name for field in fields(PreparationOptions))
    words: list[str] = []
    for action in given_options(parser, arguments):
        if action.dest in left_out:
            continue
        value = getattr(arguments, action.dest)
        values = value if isinstance(value, list) else [value] * (action.nargs != 0)
        words += [action.option_strings[0], *("tab" if v == "\t" else str(v) for v in values)]
    return tuple(words)
