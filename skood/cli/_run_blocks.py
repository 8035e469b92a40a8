"""One file from its first row to its last: read, score, hand over, count."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from skood import ConformalOutlierDetector
from skood.tables import Layout, TableError, block_length, check_named_columns, without_gaps

from ._errors import UsageError
from ._fitted import Fitted
from ._progress import progress
from ._report import print_lowest
from ._scoring import Scorer
from ._speaking import say

_RESULTS = ("score", "p_value", "decision")


def fit_layout(fitted: Fitted, source: Any, arguments: argparse.Namespace) -> Fitted:
    """The detector with the layout of the file to score, where the two go together.

    Raises
    ------
    UsageError
        If an option names a column that is not there, or another column of the results.
    TableError
        If the file does not have the rows that the detector was fitted on.
    """
    layout = fitted.layout
    if source.columns is None:
        if layout.kind == "table":
            raise TableError(
                f"{source.name} has no named columns, and the detector was fitted on such."
            )
        if source.shape != layout.shape:
            raise TableError(
                f"The rows of {source.name} have the shape {source.shape}, where those of the "
                f"training rows have {layout.shape}."
            )
        return fitted
    names = [arguments.id_column] if arguments.id_column is not None else []
    check_named_columns(source.name, "--id-column", names, source.columns)
    layout = layout.told(id_column=arguments.id_column, exclude=arguments.exclude)
    if layout.id_column in _RESULTS:
        raise UsageError(f"The results have a column {layout.id_column!r} of their own.")
    if layout.kind == "images":
        raise TableError(f"{source.name} has columns, and the detector was fitted on images.")
    by_position = layout.kind == "array"
    if by_position:
        layout = _as_table(layout, source, arguments)
    layout.check_columns(source.name, source.columns)
    if layout.id_column is not None and layout.id_column not in source.columns:
        say(arguments, f"{source.name} has no column {layout.id_column!r}: rows are numbered")
    return replace(fitted, layout=layout, by_position=by_position)


def score_file(
    source: Any,
    scorer: Scorer,
    arguments: argparse.Namespace,
    take: Callable[[Any], None],
    *,
    missing: bool,
    first_row: int = 0,
    length: int | None = None,
) -> None:
    """Score the rows of a file from one on, and hand the results over block by block.

    Raises
    ------
    TableError
        If the file has no rows, or such as cannot be scored.
    """
    blocks = source.blocks(scorer.layout, length or block_rows(scorer.layout, arguments), first_row)
    unit = "images" if source.row_name == "file" else "rows"
    with progress(source.expected_rows, done=first_row, unit=unit, quiet=arguments.quiet) as update:
        for block in without_gaps(blocks, source.name, missing=missing):
            take(scorer.score(block))
            update(scorer.tally["rows"])
    if not scorer.tally["rows"]:
        raise TableError(f"{source.name} has no rows.")


def block_rows(layout: Layout, arguments: argparse.Namespace) -> int:
    """How many rows are scored at a time."""
    return arguments.block_rows or block_length(layout.width)


def report(scorer: Scorer, arguments: argparse.Namespace, source: Any, note: str) -> int:
    """Say what was found, and give the exit status.

    Parameters
    ----------
    scorer : Scorer
        With all rows counted.
    arguments : Namespace
        Of the command.
    source : source
        What was scored.
    note : str
        How rows are flagged.

    Returns
    -------
    int
        1 where rows are flagged and that is to be told so, else 0.
    """
    tally = scorer.tally
    for column, new in tally["new"].items():
        texts = ", ".join(map(repr, new["texts"]))
        say(
            arguments,
            f"{new['rows']:,} of the rows have a {column!r} that no training row has: {texts}",
        )
    if not arguments.quiet:
        unit = "images" if source.row_name == "file" else "rows"
        share = tally["flagged"] / tally["rows"]
        print(f"{tally['rows']:,} {unit} of {source.name} scored")
        print(f"{tally['flagged']:,} flagged as out-of-distribution ({100 * share:.1f} %); {note}")
        print(f"the lowest scores, of all in {arguments.output}:\n")
        print_lowest(tally["lowest"])
    return int(bool(arguments.fail_on_ood and tally["flagged"]))


def flagging(fitted: Fitted) -> str:
    """How rows are flagged, in words."""
    if isinstance(fitted.detector, ConformalOutlierDetector):
        return f"of rows like the training rows {100 * fitted.detector.alpha:.3g} % at most are"
    return "those below the threshold of the detector"


def _as_table(layout: Layout, source: Any, arguments: argparse.Namespace) -> Layout:
    """A table for a detector of arrays: its columns in their order, which nothing can check."""
    left_out = {layout.id_column, *layout.exclude}
    columns = tuple(name for name in source.columns if name not in left_out)
    if layout.shape != (len(columns),):
        raise TableError(
            f"{source.name} has {len(columns):,} columns, where the training rows have the shape "
            f"{layout.shape}."
        )
    say(
        arguments,
        f"the detector knows no names of columns: those of {source.name} are taken in their order",
    )
    return replace(layout, kind="table", numbers=columns)
