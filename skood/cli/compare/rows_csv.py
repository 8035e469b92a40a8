"""The numbers of a comparison as CSV: one line for each detector and fold."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...storage.whole_file import written_whole
from ..formulas import without_formula
from .comparison import Comparison
from .intervals import METRICS

COLUMNS = (
    "detector",
    "left_out",
    "n_train",
    "n_test_in",
    "n_test_out",
    *METRICS,
    "flagged_in",
    "flagged_out",
    "fit_seconds",
    "score_seconds",
)


def write_comparison_csv(
    path: Path, comparison: Comparison, *, escape_formulas: bool = False
) -> None:
    """Write the numbers of every fold, whole or not at all.

    Parameters
    ----------
    path : Path
        The CSV file.
    comparison : Comparison
        The result of `compare_detectors`. Metrics and shares are fractions in [0, 1].
    escape_formulas : bool, default=False
        Whether to write an apostrophe before texts that a spreadsheet would run.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    tables = {name: values.tolist() for name, values in comparison.values.items()}
    for name in COLUMNS[-4:]:
        tables[name] = getattr(comparison, name).tolist()
    lines = (
        [
            detector,
            fold.name,
            *(len(fold.train), int(fold.is_in.sum()), int((~fold.is_in).sum())),
            *(table[i][j] for table in tables.values()),
        ]
        for i, detector in enumerate(comparison.detectors)
        for j, fold in enumerate(comparison.folds)
    )
    write_lines(path, COLUMNS, lines, escape_formulas=escape_formulas)


def write_lines(
    path: Path, head: Sequence[str], lines: Iterable[Sequence[Any]], *, escape_formulas: bool
) -> None:
    """Write a CSV file, whole or not at all; optionally with an apostrophe before formulas."""
    safe = without_formula if escape_formulas else str
    with (
        written_whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for line in lines:
            writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in line])
