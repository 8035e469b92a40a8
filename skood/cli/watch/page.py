"""The report as a page: one file, without a script and without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from skood.preprocessing.table_findings import counted

from .._errors import shown
from .history import charts

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --soft: #59636e;
  --edge: #d9dee3; --line: #0b62b8; --bar: #7fb0de; --alarm: #b42318; --band: #f6d5d1;
  --calm: #18794e; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e9ec; --soft: #9aa4ae;
  --edge: #363c43; --line: #6cb0f5; --bar: #3f6f9f; --alarm: #ff8577; --band: #57231e;
  --calm: #5fc992; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 60rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.15rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.soft, figcaption, th, dt { color: var(--soft); font-size: .875rem; font-weight: normal; }
.status { margin: 1rem 0; padding: .6rem .9rem; border-left: 5px solid var(--calm); }
.status strong { color: var(--calm); font-size: 1.25rem; display: block; }
.status.alarm { border-color: var(--alarm); } .status.alarm strong { color: var(--alarm); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1rem 0; }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
figure { margin: 1.75rem 0 0; }
.plot { position: relative; height: 13rem; margin: .75rem 0 2.5rem 3.25rem; }
svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
svg * { vector-effect: non-scaling-stroke; }
.grid { stroke: var(--edge); stroke-width: 1; }
.value { fill: none; stroke: var(--line); stroke-width: 2; }
.bar { fill: var(--bar); } .since { fill: var(--band); }
line.limit { stroke: var(--alarm); stroke-width: 1.5; stroke-dasharray: 6 4; }
line.usual { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 2 3; }
.plot span { position: absolute; font-size: .75rem; line-height: 1; white-space: nowrap;
  color: var(--soft); font-variant-numeric: tabular-nums; }
.y { right: 100%; transform: translate(-.4rem, 50%); }
.x { top: 100%; margin-top: .4rem; }
.x.last { transform: translateX(-100%); } .x.mid { transform: translateX(-50%); }
.plot .label { left: .3rem; padding-bottom: .25rem; }
.plot .label.limit { color: var(--alarm); }
table { border-collapse: collapse; width: 100%; font-size: .925rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--edge); }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
@media (max-width: 34rem) { table, tbody, tr, td { display: block; } thead { display: none; }
  tr { border-bottom: 1px solid var(--edge); padding: .5rem 0; } td { border: 0; padding: .1rem 0; }
  td::before { content: attr(data-name) ": "; color: var(--soft); font-size: .875rem; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_LONGEST = 200  # characters of a text of a file


def page(facts: Mapping[str, Any]) -> str:
    """The report on these facts; all texts are escaped, since they come from files."""
    title = f"{'Alarm' if facts['alarm'] else 'No alarm'}: {_text(facts['input'])}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<h1>skood watch: {_text(facts['input'])}</h1>"
        f'<div class="soft">watched since {_text(facts["begun"])}, as of '
        f"{_text(facts['now'])}</div>"
        + _status(facts)
        + _figures(facts)
        + charts(facts)
        + _columns(facts["moved"], facts["n_window"])
        + _strangest(facts["strangest"])
        + _alarms(facts["alarms"])
        + _set_aside(facts)
        + f'<p class="soft">{_text(facts["promise"])} Detector: {_text(facts["detector"])}.</p>'
        "</body></html>\n"
    )


def _status(facts: Mapping[str, Any]) -> str:
    since = facts["since"]
    if not facts["alarm"] or since is None:
        said = "The rows are like the training rows, as far as this test sees."
        if not facts["n_seen"]:
            said = "No row has come so far."
        return f'<div class="status"><strong>No alarm</strong>{said}</div>'
    place = f" ({_text(since['place'])})" if since["place"] else ""
    times = ""
    if since["time"]:
        times = (
            f", {_text(since['time'])}; between {_text(since['earliest_time'])} and "
            f"{_text(since['latest_time'])}"
        )
    return (
        '<div class="status alarm"><strong>Alarm</strong>The rows have changed since about row '
        f"{since['row'] + 1:,}{place}{times}. The range is from row {since['earliest'] + 1:,} to "
        f"{since['latest'] + 1:,}; it is the shaded part of the charts.</div>"
    )


def _figures(facts: Mapping[str, Any]) -> str:
    share = 100 * facts["n_flagged"] / max(1, facts["n_seen"])
    pairs = [
        ("rows", f"{facts['n_seen']:,}"),
        ("flagged", f"{facts['n_flagged']:,} ({share:.1f} %)"),
        ("e-value now", f"{facts['e_value']:.3g}"),
        ("alarm at", f"{facts['limit']:,.4g}"),
    ]
    return "<dl>" + "".join(f"<div><dt>{a}</dt><dd>{b}</dd></div>" for a, b in pairs) + "</dl>"


def _columns(moved: Sequence[Mapping[str, Any]], n_window: int) -> str:
    if not n_window:
        return ""
    if not moved:
        return (
            f"<h2>Columns that moved</h2><p>In the latest {counted(n_window, 'row')} no column "
            "differs clearly from the training rows.</p>"
        )
    head = ["column", "usual", "now", "largest difference", "p-value"]
    lines = [
        [
            line["column"],
            line["usual"],
            line["now"],
            f"{100 * line['statistic']:.0f} % of the rows",
            f"{line['p_value']:.2g}",
        ]
        for line in moved
    ]
    return f"<h2>Columns that moved</h2>{_table(head, lines, {3, 4})}"


def _strangest(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    head = ["row", "time", "p-value", "reasons"]
    lines = [
        [
            row["place"] or f"{row['row'] + 1:,}",
            row["time"],
            f"{row['p_value']:.2g}",
            row["reasons"],
        ]
        for row in rows
    ]
    return f"<h2>The strangest of the latest rows</h2>{_table(head, lines, {2})}"


def _alarms(alarms: Sequence[Mapping[str, Any]]) -> str:
    if not alarms:
        return ""
    head = ["alarm at row", "time", "changed since row", "seen in", "e-value"]
    lines = [
        [
            f"{alarm['row'] + 1:,}",
            alarm["time"],
            f"{alarm['since']['row'] + 1:,}",
            "the scores" if alarm["stream"] == "score" else alarm["stream"],
            f"{alarm['e_value']:.3g}",
        ]
        for alarm in alarms
    ]
    return f"<h2>Alarms</h2>{_table(head, lines, {0, 2, 4})}"


def _set_aside(facts: Mapping[str, Any]) -> str:
    lines = [[name, fault] for name, fault in facts["faults"].items()]
    text = f"<h2>Files set aside</h2>{_table(['file', 'why'], lines, set())}" if lines else ""
    if facts["n_left_out"]:
        text += f"<p>{counted(facts['n_left_out'], 'row')} of growing files are left out.</p>"
    return text


def _table(head: Sequence[str], lines: Iterable[Sequence[Any]], numbers: set[int]) -> str:
    """A table; columns without a value are left out."""
    lines = list(lines)
    kept = [j for j in range(len(head)) if any(line[j] for line in lines)]
    names = "".join(f"<th>{escape(head[j])}</th>" for j in kept)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-name="{escape(head[j])}"{_kind(j in numbers)}>{_text(line[j])}</td>'
            for j in kept
        )
        + "</tr>"
        for line in lines
    )
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _kind(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _text(value: Any) -> str:
    text = shown(str(value))
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")
