"""Charts as SVG: lines stretch with the page, and their texts keep their size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_MOST_DECADES = 6  # ticks of a logarithmic axis


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with ticks and their texts."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def place(self, value: float) -> float:
        """The place of a value, in percent; values beyond an end are at the end."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(100 * (value - low) / ((high - low) or 1), 2)


def log_axis(low: float, high: float) -> Axis:
    """Powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, math.ceil((last - first) / _MOST_DECADES))
    ticks = [(10.0**k, _power(k)) for k in range(first, last + 1, step)]
    return Axis(10.0**first, 10.0**last, ticks, log=True)


def share_axis(high: float) -> Axis:
    """Percents from 0."""
    top = next((t for t in (0.01, 0.02, 0.04, 0.1, 0.2, 0.3, 0.5) if high <= t), 1.0)
    return Axis(0, top, [(t, f"{100 * t:g} %") for t in (0, top / 2, top)])


def chart(
    title: str,
    x: Axis,
    y: Axis,
    parts: Sequence[str],
    labels: Sequence[tuple[float, str, str]] = (),
    *,
    names: bool = False,
) -> str:
    """A figure of SVG parts; `labels` are the height of a line, its text and its class.

    With `names` the ticks of the y axis are names, each with a line of its own.
    """
    ticks = "".join(
        f'<span class="y" style="bottom:{y.place(value)}%">{escape(text)}</span>'
        for value, text in y.ticks
    )
    last = len(x.ticks) - 1
    ticks += "".join(
        f'<span class="x {"first" if i == 0 else "last" if i == last else "mid"}" '
        f'style="left:{x.place(value)}%">{escape(text)}</span>'
        for i, (value, text) in enumerate(x.ticks)
    )
    ticks += "".join(
        f'<span class="label {kind}" style="bottom:{y.place(height)}%">{escape(text)}</span>'
        for height, text, kind in labels
    )
    box = '<div class="plot">'
    if names:
        box = f'<div class="plot named" style="height:{2.2 * len(y.ticks):g}rem">'
    grid = "".join(level(y, value, "grid") for value, _ in y.ticks)
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>{box}"
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{grid}{"".join(parts)}</svg>{ticks}</div></figure>'
    )


def line(x: Axis, y: Axis, points: Sequence[tuple[float, float]], kind: str) -> str:
    """A line through points."""
    path = " ".join(f"{x.place(a)},{100 - y.place(b):g}" for a, b in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def dot(x: Axis, y: Axis, value: float, height: float, kind: str) -> str:
    """A point, which stays round: a line without a length."""
    left, top = x.place(value), f"{100 - y.place(height):g}"
    return f'<line class="{kind}" x1="{left}" x2="{left}" y1="{top}" y2="{top}"/>'


def level(y: Axis, value: float, kind: str) -> str:
    """A line across the chart."""
    height = f"{100 - y.place(value):g}"
    return f'<line class="{kind}" x1="0" x2="100" y1="{height}" y2="{height}"/>'


def upright(x: Axis, value: float, kind: str) -> str:
    """A line from the top of the chart to its bottom."""
    place = x.place(value)
    return f'<line class="{kind}" x1="{place}" x2="{place}" y1="0" y2="100"/>'


def band(x: Axis, first: float, last: float, kind: str) -> str:
    """A part of the width of the chart, from top to bottom, wide enough to be seen."""
    left, right = x.place(first), x.place(last)
    width = max(right - left, 0.3)
    return f'<rect class="{kind}" x="{left}" y="0" width="{width:g}" height="100"/>'


def bar(x: Axis, y: Axis, first: float, last: float, value: float, kind: str) -> str:
    """A bar from 0."""
    left, right, height = x.place(first), x.place(last), y.place(value)
    width = max(right - left - 0.2, 0.1)
    return (
        f'<rect class="{kind}" x="{left}" y="{100 - height:g}" width="{width:g}" '
        f'height="{height:g}"/>'
    )


def _power(k: int) -> str:
    return f"{10.0**k:g}" if -3 <= k <= 4 else f"1e{k}"
