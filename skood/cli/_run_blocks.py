"""Scores all rows of a file block by block, and reports on them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from skood.cli.files import TableError, read_ahead, without_gaps
from skood.preprocessing.table_checks import FEWEST_ROWS

from ._errors import DataError, shown
from ._options import ResultOptions
from ._outputs import STDOUT
from ._progress import ScoringProgress
from ._report import print_lowest
from ._scoring import Scorer
from ._speaking import Voice

_SHOWN = 5


class UnknownCategoriesError(DataError):
    """No row has a category of the training rows, so no score is of use."""


def score_file(
    source: Any,
    scorer: Scorer,
    length: int,
    take: Callable[[Any], None],
    voice: Voice,
    *,
    first_row: int = 0,
) -> None:
    """Score the rows of a file from `first_row` on; `take` gets the results of each block."""
    fitted = scorer.fitted
    blocks = source.blocks(fitted.layout, length, first_row)
    whole = without_gaps(blocks, source.name, missing=fitted.fills_missing)
    with (
        read_ahead(whole) as ahead,
        ScoringProgress(
            "scoring", source.expected_rows, done=first_row, unit=unit_of(source), quiet=voice.quiet
        ) as progress,
    ):
        for block in ahead:
            take(scorer.score(block))
            progress.update(scorer.tally["rows"])
    if not scorer.tally["rows"]:
        raise TableError(f"{source.name} has no rows.")
    _refuse_other_categories(scorer, source)


def find_limit(source: Any, scorer: Scorer, length: int, voice: Voice) -> None:
    """Read the rows a first time, if all of them decide which are flagged."""
    if scorer.alarms.options.control != "fdr":
        return
    fitted = scorer.fitted
    whole = without_gaps(
        source.blocks(fitted.layout, length), source.name, missing=fitted.fills_missing
    )
    voice.say("reading the rows a first time, for --control fdr")
    with read_ahead(whole) as ahead:
        scorer.alarms.find_limit(ahead, fitted.rows_of)


def _refuse_other_categories(scorer: Scorer, source: Any) -> None:
    """Raise if no row has a known category: the file writes them in another form."""
    n_rows, known = scorer.tally["rows"], scorer.fitted.layout
    for column, new in scorer.tally["new"].items():
        if new["rows"] == n_rows >= FEWEST_ROWS:
            usual = ", ".join(map(repr, known.column(column).categories[:_SHOWN]))
            if new["texts"] == [""]:
                raise UnknownCategoriesError(
                    f"No row of {source.name} has a value in {column!r}, and all training rows "
                    f"have one ({usual}): fill the column, or leave it out of the fit."
                )
            texts = ", ".join(map(repr, new["texts"]))
            raise UnknownCategoriesError(
                f"No row of {source.name} has a category of the training rows in {column!r} "
                f"({usual}). Got {texts} instead: write the categories as in the training rows."
            )


def report(scorer: Scorer, source: Any, results: ResultOptions, voice: Voice) -> None:
    """Print how many rows are flagged, and the rows with the lowest scores.

    If the results go to stdout, the report goes to stderr.
    """
    if results.output == STDOUT:
        with contextlib.redirect_stdout(sys.stderr):
            return _report(scorer, source, results, voice)
    return _report(scorer, source, results, voice)


def _report(scorer: Scorer, source: Any, results: ResultOptions, voice: Voice) -> None:
    tally = scorer.tally
    for column, new in tally["new"].items():
        texts = ", ".join(map(repr, new["texts"]))
        voice.say(f"rows with a {column!r} that no training row has: {new['rows']:,} ({texts})")
    if voice.quiet:
        return
    share = tally["flagged"] / tally["rows"]
    print(f"{tally['rows']:,} {unit_of(source)} of {shown(source.name)} scored")
    print(
        f"{tally['flagged']:,} flagged as out-of-distribution ({100 * share:.1f} %); "
        f"{scorer.fitted.flagging(scorer.alarms.options.control)}"
    )
    output = "stdout" if results.output == STDOUT else str(results.output)
    print(f"the lowest scores in {shown(output)}:\n")
    print_lowest(tally["lowest"])


def unit_of(source: Any) -> str:
    """The word for the rows of a source."""
    return "images" if source.row_name == "file" else "rows"
