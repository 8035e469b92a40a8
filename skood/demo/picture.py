"""The demo's picture: for each detector, how its scores of the three sets are distributed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skood._optional import import_optional
from skood.demo.evaluate import Outcome
from skood.demo.output import written_whole

# Okabe and Ito's palette, which also colour-blind readers can tell apart.
COLOURS = {"id": "#0072B2", "near": "#E69F00", "far": "#CC79A7"}
N_BINS = 60
DPI = 120


def draw_scores(path: Path, outcomes: Sequence[Outcome], labels: Mapping[str, str]) -> None:
    """Draw one panel per detector and write the picture as PNG.

    Parameters
    ----------
    path : Path
        The PNG file.
    outcomes : sequence of Outcome
        One per detector.
    labels : mapping of str to str
        The sets to draw ("id", "near", "far"), each with what the legend calls it.
    """
    # Figure without pyplot: no window system is asked for and the caller's back end stays.
    figures = import_optional("matplotlib.figure", "plots", needed_by="The picture of the scores")
    figure = figures.Figure(figsize=(9, 1.1 + 2.6 * len(outcomes)), layout="constrained")
    panels = figure.subplots(len(outcomes), squeeze=False)[:, 0]
    for panel, outcome in zip(panels, outcomes, strict=True):
        _draw_panel(panel, outcome, labels)
    panels[-1].set_xlabel("score (higher = more in-distribution)")
    handles, names = panels[0].get_legend_handles_labels()
    # Above all panels, where it covers no data.
    figure.legend(handles, names, loc="outside upper center", ncols=2, frameon=False)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def _draw_panel(panel: Any, outcome: Outcome, labels: Mapping[str, str]) -> None:
    """Draw the sets as histograms over common bins, each as percent of its own rows."""
    edges = np.linspace(*_score_range(outcome), N_BINS + 1)
    for name, label in labels.items():
        # Rows beyond the shown range are counted in the outermost bins, so none is lost.
        scores = np.clip(outcome.scores[name], edges[0], edges[-1])
        counts, _ = np.histogram(scores, edges)
        percents = 100 * counts / len(scores)
        panel.stairs(percents, edges, fill=True, alpha=0.35, color=COLOURS[name], label=label)
        panel.stairs(percents, edges, linewidth=1.2, color=COLOURS[name])
    panel.axvline(
        outcome.threshold, color="black", linestyle="--", label="threshold: flagged to its left"
    )
    flagged = [
        f"{100 * np.mean(outcome.predictions[name] == -1):.1f} % of {label.partition(':')[0]}"
        for name, label in labels.items()
    ]
    panel.set_title(f"{outcome.detector}: flags {', '.join(flagged)}", loc="left", fontsize=11)
    panel.set_ylabel("% of the set's rows")
    panel.spines[["top", "right"]].set_visible(False)


def _score_range(outcome: Outcome) -> tuple[float, float]:
    """Return the range to show: every set but for its lowest hundredth, which may be far away."""
    lowest = min(float(np.quantile(scores, 0.01)) for scores in outcome.scores.values())
    highest = max(float(scores.max()) for scores in outcome.scores.values())
    return min(lowest, outcome.threshold), highest
