"""One file from its first row to its last: read, score, hand over, count."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from skood import ConformalOutlierDetector
from skood.cli.files import Layout, TableError, block_length, without_gaps

from ._fitted import Fitted
from ._progress import progress
from ._report import print_lowest
from ._scoring import Scorer
from ._speaking import say


def score_file(
    source: Any,
    scorer: Scorer,
    arguments: argparse.Namespace,
    take: Callable[[Any], None],
    *,
    missing: bool,
    first_row: int = 0,
) -> None:
    """Score the rows of a file from one on, and hand the results over block by block.

    Raises
    ------
    TableError
        If the file has no rows, or such as cannot be scored.
    """
    blocks = source.blocks(scorer.layout, block_rows(scorer.layout, arguments), first_row)
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
