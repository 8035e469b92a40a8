"""The picture at the top of a page: values by row as dots or bars, or lines over a number."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

OURS, PEERS = "#0072b2", "#8a8a8a"
_COLOURS = ("#0072b2", "#d55e00", "#8a8a8a", "#009e73", "#cc79a7", "#e69f00")
_MARKS = ("o", "s", "D", "^", "v", "P")


@dataclass(frozen=True)
class Chart:
    """What a picture shows: for each series its values, by the name of the row.

    The rows named in `ours` have bold names and, with one series, a colour of their own. Lines have
    numbers as names of rows.
    """

    axis: str
    series: Mapping[str, Mapping[str, float]]
    kind: Literal["dots", "bars", "lines"] = "dots"
    below: str = ""
    ours: Collection[str] = ()
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    marks: Collection[float] = ()
    log: bool = False

    @property
    def alt(self) -> str:
        """One line for those who do not see the picture."""
        names = ", ".join(self.series) if len(self.series) > 1 else "each row"
        return f"{self.axis}, of {names}"


def draw(chart: Chart, path: Path) -> None:
    """Write an SVG of some kB, whose text is text."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    options = {"svg.fonttype": "none", "svg.hashsalt": path.stem, "font.size": 10}
    with mpl.rc_context({**options, "axes.spines.top": False, "axes.spines.right": False}):
        rows = [*dict.fromkeys(name for values in chart.series.values() for name in values)]
        n_lines = len(rows) * (max(1, 0.6 * len(chart.series)) if chart.kind == "bars" else 1)
        height = 3.4 if chart.kind == "lines" else 1.2 + 0.25 * n_lines
        figure = Figure(figsize=(7, height), layout="constrained", facecolor="white")
        axes = figure.subplots()
        if chart.kind == "lines":
            _lines(chart, axes)
        else:
            _rows(chart, axes, rows)
        if len(chart.series) > 1:
            figure.legend(loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, metadata={"Date": None})
    # matplotlib ends lines of paths with a space.
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def _lines(chart: Chart, axes) -> None:
    for (name, values), colour, mark in zip(chart.series.items(), _COLOURS, _MARKS, strict=False):
        places = [float(place.replace(",", "")) for place in values]
        axes.plot(places, [*values.values()], color=colour, marker=mark, markersize=4, label=name)
    if chart.log:
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(chart.below)
    axes.set_ylabel(chart.axis)
    axes.grid(alpha=0.3)


def _rows(chart: Chart, axes, rows: list[str]) -> None:
    places = {name: -i for i, name in enumerate(rows)}
    for name, (low, high) in chart.spans.items():
        axes.plot([low, high], [places[name]] * 2, color="#c0c0c0", linewidth=4, zorder=0)
    for mark in chart.marks:
        axes.axvline(mark, color="black", linewidth=0.8, linestyle=":")
    several = len(chart.series) > 1
    for i, (name, values) in enumerate(chart.series.items()):
        y = [places[row] for row in values]
        colours = [OURS if row in chart.ours else PEERS for row in values]
        if several or not chart.ours:
            colours = [_COLOURS[i]] * len(y)
        if chart.kind == "bars":
            step = 0.8 / len(chart.series)
            shift = (len(chart.series) - 1) / 2 - i
            axes.barh(
                [place + shift * step for place in y], [*values.values()], step, color=colours,
                label=name,
            )  # fmt: skip
        else:
            axes.scatter(
                [*values.values()], y, s=32, c=colours, marker=_MARKS[i], label=name, zorder=3
            )
    if chart.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_yticks([*places.values()], [name.replace("`", "") for name in rows])
    for label, name in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if name in chart.ours else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-len(rows) + 0.3, 0.7)
    axes.set_xlabel(chart.axis)
    axes.grid(axis="x", alpha=0.3)
