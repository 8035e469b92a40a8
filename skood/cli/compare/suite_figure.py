"""A picture of a comparison over many sets: mean ranks, and bars over equal ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._optional import import_optional
from ...plots.looks import GUIDE, INK, looks
from .suite_comparison import SuiteComparison


def draw_suite(comparison: SuiteComparison, source: str) -> Any:
    """Draw the mean rank of each detector, and bars over ranks that may differ by chance.

    Parameters
    ----------
    comparison : SuiteComparison
        The result of `compare_on_suite`.
    source : str
        Name of the suite, for the title.

    Returns
    -------
    matplotlib Figure
        Made without pyplot, so that no window system is needed.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    figures = import_optional("matplotlib.figure", "plots", needed_by="The picture")
    ranks = comparison.ranks().mean(axis=1)
    order = np.argsort(ranks, kind="stable")
    gap = comparison.critical_difference()
    bars = _groups(ranks[order], gap)
    figure = figures.Figure(
        figsize=(8.0, 1.6 + 0.38 * len(order) + 0.14 * len(bars)), layout="constrained"
    )
    panel = figure.subplots()
    for height, (place, look) in enumerate(zip(order, looks(len(order)), strict=True)):
        panel.plot([1, ranks[place]], [height, height], color=GUIDE, linewidth=0.6, zorder=1)
        panel.plot(
            ranks[place], height, marker=look.marker, markersize=8, color=look.colour,
            markeredgecolor="black", linestyle="none", clip_on=False, zorder=3,
        )  # fmt: skip
        mean = 100 * comparison.auroc[place].mean()
        panel.annotate(
            f"{ranks[place]:.2f}   AUROC {mean:.1f} %", (ranks[place], height), (10, 0),
            textcoords="offset points", va="center", fontsize="small", color=INK,
        )  # fmt: skip
    for number, (low, high) in enumerate(bars):
        level = len(order) + 0.4 * number
        panel.plot([low - 0.03, high + 0.03], [level, level], color=INK, linewidth=3)
    panel.set_yticks(range(len(order)), [comparison.detectors[place] for place in order])
    panel.invert_yaxis()
    panel.set_xlim(1, max(len(order), 2) + 0.6)
    panel.set_xlabel(
        f"mean rank over {len(comparison.sets):,} sets, 1 is the best. A bar joins ranks that "
        f"differ by less than {gap:.2f}, perhaps by chance",
        fontsize="small",
        color=INK,
    )
    panel.set_title(f"{source}: detectors by AUROC", loc="left", fontsize="medium")
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _groups(ranks: Any, gap: float) -> list[tuple[float, float]]:
    """Lowest and highest rank of each largest group of detectors within the gap, two or more."""
    found: list[tuple[float, float]] = []
    last = -1
    for first in range(len(ranks)):
        end = int(np.searchsorted(ranks, ranks[first] + gap, side="right")) - 1
        if end > max(first, last):
            found.append((float(ranks[first]), float(ranks[end])))
            last = end
    return found
