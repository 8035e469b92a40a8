"""The charts of a stream: its evidence of a change, and the share of flagged rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..html import chart
from ..html.chart import Axis

_BARS, _WIDEST = 48, 1.5  # the latter times the mean width
_FLOOR = 1e-2  # of the e-values: further down there is nothing to see
_ABOVE = 1e4  # times the limit: what is higher is drawn at the top


def charts(facts: Mapping[str, Any]) -> str:
    """Both charts; empty before the first row."""
    lines = facts["history"]
    if not lines:
        return ""
    by_time = all(line["first_time"] is not None for line in lines)
    ends = [(_first(line, by_time), _last(line, by_time)) for line in lines]
    x = _x_axis(ends[0][0], ends[-1][1], lines, by_time)
    marks = _marks(facts["since"], x, by_time)
    return _evidence(facts, lines, ends, x, marks) + _flagged(facts, lines, ends, x, marks)


def _evidence(
    facts: Mapping[str, Any], lines: Sequence[Any], ends: Sequence[Any], x: Axis, marks: list[str]
) -> str:
    values, limit = [line["max_e_value"] for line in lines], facts["limit"]
    low = min(max(min(values), _FLOOR), 0.1)
    y = chart.log_axis(low, min(max(max(values), 3 * limit), _ABOVE * limit))
    points = [(last, value) for (_, last), value in zip(ends, values, strict=True)]
    parts = [*marks, chart.level(y, limit, "limit"), chart.line(x, y, points, "value")]
    label = (limit, f"alarm at {limit:,.4g}", "limit")
    beyond = f", drawn up to {y.high:g}" if max(values) > y.high else ""
    return chart.chart(f"Evidence of a change (e-value{beyond})", x, y, parts, [label])


def _flagged(
    facts: Mapping[str, Any], lines: Sequence[Any], ends: Sequence[Any], x: Axis, marks: list[str]
) -> str:
    usual = facts["row_alpha"]
    bars = list(_bars(lines, ends))
    y = chart.share_axis(max(2 * usual, *(share for _, _, share in bars)))
    parts = [chart.bar(x, y, a, b, share, "bar") for a, b, share in bars]
    title = f"Share of flagged rows (dotted: at most {100 * usual:g} % without a change)"
    return chart.chart(title, x, y, [*marks, *parts, chart.level(y, usual, "usual")])


def _bars(lines: Sequence[Any], ends: Sequence[Any]) -> Any:
    """The first and last place of consecutive segments, and their share of flagged rows.

    Over a gap in time a bar would be wide, and look as if many rows were flagged.
    """
    least = max(1, sum(line["n_rows"] for line in lines) // _BARS)
    widest = _WIDEST * (ends[-1][1] - ends[0][0]) / min(_BARS, len(lines))
    n_rows = n_flagged = 0
    start = ends[0][0]
    for i, (line, (first, last)) in enumerate(zip(lines, ends, strict=True)):
        start = start if n_rows else first
        n_rows, n_flagged = n_rows + line["n_rows"], n_flagged + line["n_flagged"]
        if n_rows >= least or i == len(lines) - 1:
            yield start, min(last, start + widest), n_flagged / n_rows
            n_rows = n_flagged = 0


def _marks(since: Mapping[str, Any] | None, x: Axis, by_time: bool) -> list[str]:
    """The range of the time of the change."""
    if since is None:
        return []
    names = ("earliest_time", "latest_time") if by_time else ("earliest", "latest")
    first, last = (since[name] for name in names)
    if by_time:
        first, last = _seconds(first), _seconds(last)
    return [chart.band(x, first, last, "since")]


def _x_axis(first: float, last: float, lines: Sequence[Any], by_time: bool) -> Axis:
    if not by_time:
        ticks = [(first, "row 1"), ((first + last) / 2, f"{(first + last) / 2:,.0f}")]
        return Axis(first, last, [*ticks, (last, f"{last:,.0f}")])
    texts = [lines[0]["first_time"][:16], lines[-1]["last_time"][:16]]
    return Axis(first, last, [(first, texts[0]), (last, texts[1])])


def _first(line: Mapping[str, Any], by_time: bool) -> float:
    return _seconds(line["first_time"]) if by_time else line["first_row"]


def _last(line: Mapping[str, Any], by_time: bool) -> float:
    return _seconds(line["last_time"]) if by_time else line["first_row"] + line["n_rows"]


def _seconds(time: str) -> float:
    return (datetime.fromisoformat(time) - datetime(1970, 1, 1)).total_seconds()
