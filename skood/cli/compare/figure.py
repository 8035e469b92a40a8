"""A picture of a comparison: every fold a point, every mean with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._optional import import_optional
from ...plots.looks import GUIDE, INK, looks
from .comparison import Comparison
from .report import LABELS

PANELS = ("auroc", "aupr_out", "fpr95")
DIRECTIONS = ("higher is better", "higher is better", "lower is better")


def draw_comparison(comparison: Comparison, source: str) -> Any:
    """Draw AUROC, AUPR-out and FPR95 of all detectors.

    Parameters
    ----------
    comparison : Comparison
        The result of `compare_detectors`.
    source : str
        Name of the rows, for the title.

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
    order = comparison.order()
    figure = figures.Figure(figsize=(11.0, 1.9 + 0.5 * len(order)), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for panel, metric, better in zip(panels, PANELS, DIRECTIONS, strict=True):
        _draw_panel(panel, comparison, metric, order)
        panel.set_title(f"{LABELS[metric]}, %: {better}", loc="left", fontsize="medium")
    panels[0].set_yticks(range(len(order)), order)
    panels[0].invert_yaxis()
    n = len(comparison.folds)
    kinds = {"classes": "classes left out", "clusters": "clusters left out", "labelled": "+1 / -1"}
    title = f"{source}: {kinds[comparison.protocol.kind]}, {n} fold{'s' if n > 1 else ''}"
    figure.suptitle(title, fontsize="medium")
    level = f"{100 * comparison.confidence_level:g} %"
    legend = "small: each fold   large: mean"
    if n > 1:
        legend += f"   thin line: {level} interval over folds"
    if comparison.resampled.shape[1]:
        legend += f"   thick line: {level} interval over rows (bootstrap)"
    figure.supxlabel(legend, fontsize="small", color=INK)
    return figure


def _draw_panel(panel: Any, comparison: Comparison, metric: str, order: list[str]) -> None:
    for height, (name, look) in enumerate(zip(order, looks(len(order)), strict=True)):
        values = 100 * comparison.values[metric][comparison.detectors.index(name)]
        mean, over_folds, over_rows = comparison.estimate(name, metric)
        if over_folds is not None:
            ends = 100 * np.clip(over_folds, 0, 1)
            panel.plot(ends, [height, height], color=look.colour, linewidth=1.2)
        if over_rows is not None:
            ends = 100 * np.asarray(over_rows)
            panel.plot(ends, [height, height], color=look.colour, linewidth=5, alpha=0.45)
        panel.plot(
            values, np.full(len(values), height - 0.22), linestyle="none", marker=look.marker,
            markersize=3.5, color=look.colour, alpha=0.7, clip_on=False,
        )  # fmt: skip
        panel.plot(
            100 * mean, height, marker=look.marker, markersize=8, color=look.colour,
            markeredgecolor="black", linestyle="none", clip_on=False, zorder=3,
        )  # fmt: skip
    panel.grid(axis="x", color=GUIDE, linewidth=0.4, alpha=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)
