"""A comparison over many sets in words and a table, and its numbers as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .report import in_percent
from .rows_csv import write_lines
from .suite_comparison import SuiteComparison

_HEAD = ("detector", "AUROC %", "behind the best by", "sets ahead", "rank", "fit s", "score s")
_CSV = (
    *("set", "group", "n_train", "n_features", "n_test_in", "n_test_out", "detector"),
    *("auroc", "fit_seconds", "score_seconds", "failure"),
)
_SHOWN = 5


def suite_table(comparison: SuiteComparison) -> tuple[Sequence[str], list[list[str]]]:
    """Head and lines of the table of detectors, the best first."""
    best, *_ = order = comparison.order()
    ranks = comparison.ranks().mean(axis=1)
    lines = []
    for name in order:
        place = comparison.detectors.index(name)
        lead = comparison.lead(best, name)
        behind = f"{100 * lead.mean:.2f} ({in_percent(lead.interval, -1, 1)})"
        times = (comparison.fit_seconds[place], comparison.score_seconds[place])
        lines.append(
            [
                name,
                f"{100 * comparison.auroc[place].mean():.2f}",
                "-" if name == best else behind,
                "-" if name == best else str(lead.n_behind),
                f"{ranks[place]:.2f}",
                *(f"{np.nanmean(t):.3f}" if np.isfinite(t).any() else "-" for t in times),
            ]
        )
    return _HEAD, lines


def suite_notes(comparison: SuiteComparison) -> list[str]:
    """The meaning of the table, and the detectors that failed."""
    n_groups = len({one.group for one in comparison.sets})
    groups = "" if n_groups == len(comparison.sets) else f", in {n_groups:,} groups of one origin"
    notes = [
        f"{len(comparison.sets):,} sets{groups}. Each detector is fitted to the training rows of "
        "each set. The table has means over sets: AUROC in percent, the points that it is behind "
        "the best with the 95 % interval over resampled groups, the sets in which it is ahead of "
        "the best, its rank, and seconds for one set."
    ]
    if len(comparison.detectors) > 1:
        gap = comparison.critical_difference()
        notes.append(f"Mean ranks may differ by less than {gap:.2f} by chance (Nemenyi, 5 %).")
    failed = Counter(detector for detector, _ in comparison.failures)
    for detector, n in failed.items():
        where = [name for one, name in comparison.failures if one == detector]
        listed = ", ".join(where[:_SHOWN]) + (", ..." if n > _SHOWN else "")
        error = comparison.failures[detector, where[0]].rstrip(".")
        notes.append(
            f"{detector} failed on {n:,} sets, which count as 50 %: {listed}. The first error: "
            f"{error}."
        )
    return notes


def suite_verdict(comparison: SuiteComparison) -> str:
    """Say which detector leads, by how much, and over which others its lead may be chance."""
    best, *others = comparison.order()
    mean = 100 * comparison.auroc[comparison.detectors.index(best)].mean()
    if not others:
        return f"Only {best} was compared. Its mean AUROC is {mean:.1f} %."
    leads = {name: comparison.lead(best, name) for name in others}
    first = leads[others[0]]
    close = [name for name, lead in leads.items() if lead.interval.low <= 0]
    text = (
        f"{best} has the largest mean AUROC, {mean:.1f} %. It leads {others[0]} by "
        f"{100 * first.mean:.1f} points, and is ahead in {first.n_ahead:,} of "
        f"{len(comparison.sets):,} sets."
    )
    if close:
        return f"{text} Its lead may be chance over {', '.join(close)} (the interval contains 0)."
    return f"{text} No interval of its lead over another detector contains 0."


def write_suite_csv(
    path: Path, comparison: SuiteComparison, *, escape_formulas: bool = False
) -> None:
    """Write the numbers of every set and detector, whole or not at all.

    Parameters
    ----------
    path : Path
        The CSV file.
    comparison : SuiteComparison
        The result of `compare_on_suite`. AUROC are fractions in [0, 1].
    escape_formulas : bool, default=False
        Whether to write an apostrophe before texts that a spreadsheet would run.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    numbers = (comparison.auroc, comparison.fit_seconds, comparison.score_seconds)
    lines = (
        [
            *one,
            detector,
            *(float(part[i, j]) for part in numbers),
            comparison.failures.get((detector, one.name), ""),
        ]
        for j, one in enumerate(comparison.sets)
        for i, detector in enumerate(comparison.detectors)
    )
    write_lines(path, _CSV, lines, escape_formulas=escape_formulas)
