"""The plots of `growth.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from _common.peers import BRUTE, FAISS, PRODUCT, SKOOD

# Colours of Okabe and Ito, for the colour-blind; markers and dashes differ as well.
_LOOK = {
    SKOOD: {"color": "#D55E00", "marker": "o", "linewidth": 2.2, "zorder": 3},
    PRODUCT: {"color": "#555555", "marker": "", "linestyle": "--"},
    FAISS: {"color": "#0072B2", "marker": "s"},
    BRUTE: {"color": "#009E73", "marker": "^"},
}
_LABEL_GAP = 13  # points from one label to the next


def plot(
    path: Path, size: str, title: str, values: Sequence[int], times: Mapping[str, Sequence[float]]
) -> None:
    """Time against one size on logarithmic axes, a line for each search, labelled at its end."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, seconds in times.items():
        axes.plot(values, seconds, markersize=5, **_LOOK[name])
    axes.set(xscale="log", yscale="log", xlabel=size, ylabel="time of all queries, s")
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.yaxis.set_major_locator(LogLocator(subs=_subdivision(times)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.canvas.draw()  # labels need the final axes
    _label_ends(axes, values[-1], {name: seconds[-1] for name, seconds in times.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _subdivision(times: Mapping[str, Sequence[float]]) -> tuple[float, ...]:
    """Ticks within each power of ten, if there are few powers."""
    seconds = [second for runs in times.values() for second in runs]
    return (1, 2, 5) if max(seconds) / min(seconds) < 1e3 else (1,)


def _label_ends(axes, x: float, ends: Mapping[str, float]) -> None:
    """Name each line beside its last point, names that would overlap moved apart."""
    points_per_pixel = 72 / axes.figure.dpi
    height = {
        name: axes.transData.transform((x, y))[1] * points_per_pixel for name, y in ends.items()
    }
    names = sorted(ends, key=height.__getitem__)
    places = _spread([height[name] for name in names])
    for name, place in zip(names, places, strict=True):
        axes.annotate(
            name,
            (x, ends[name]),
            xytext=(9, place - height[name]),
            textcoords="offset points",
            va="center",
            color=_LOOK[name]["color"],
            fontsize=9.5,
        )


def _spread(heights: Sequence[float]) -> list[float]:
    """Ascending heights moved apart to the gap, as a whole about where they were."""
    places = list(heights)
    for _ in range(100):
        for i in range(len(places) - 1):
            lacking = _LABEL_GAP - (places[i + 1] - places[i])
            if lacking > 0:
                places[i] -= lacking / 2
                places[i + 1] += lacking / 2
    return places
