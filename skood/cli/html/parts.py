"""A page, its tables and figures; all texts are escaped, since they come from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from .._errors import shown

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
ul { padding-left: 1.2rem; } li { margin: .3rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1rem 0; }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
figure { margin: 1.75rem 0 0; }
.plot { position: relative; height: 13rem; margin: .75rem 0 2.5rem 3.25rem; }
svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
svg * { vector-effect: non-scaling-stroke; }
.grid { stroke: var(--edge); stroke-width: 1; }
.dot { stroke: var(--bar); stroke-width: 7; stroke-linecap: round; }
.mean { stroke: var(--line); stroke-width: 13; stroke-linecap: round; }
.plot.named { margin-left: 7.5rem; } .plot.named .y { transform: translate(-.6rem, 50%); }
.value { fill: none; stroke: var(--line); stroke-width: 2; }
.bar { fill: var(--bar); } .flagged { fill: var(--alarm); } .since { fill: var(--band); }
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
th { overflow-wrap: break-word; } td:first-child { min-width: 6rem; } td.wide { width: 50%; }
.share { background: var(--bar); height: .8rem; margin-top: .35rem; min-width: 1px; }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
@media (max-width: 34rem) { table, tbody, tr, td { display: block; } thead { display: none; }
  tr { border-bottom: 1px solid var(--edge); padding: .5rem 0; } td { border: 0; padding: .1rem 0; }
  td.wide { width: auto; }
  td[data-name]:not([data-name=""])::before { content: attr(data-name) ": ";
    color: var(--soft); font-size: .875rem; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# Characters of a text of a file, of the name of a column, and of a sentence of ours.
_LONGEST, _LONGEST_NAME, _LONGEST_SENTENCE = 200, 40, 2000


def document(title: str, heading: str, about: str, body: str) -> str:
    """A whole page; `body` is HTML, the others are texts."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{text(heading)}</h1><div class="soft">{text(about)}</div>{body}</body></html>\n'
    )


def status(verdict: str, reasons: str, *, alarm: bool) -> str:
    """The answer of the report, in a word or two and in a sentence, which is HTML."""
    kind = "status alarm" if alarm else "status"
    return f'<div class="{kind}"><strong>{text(verdict)}</strong>{reasons}</div>'


def figures(pairs: Sequence[tuple[str, str]]) -> str:
    """The most important numbers, each below its name."""
    cells = (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs)
    return f"<dl>{''.join(cells)}</dl>"


def section(title: str, body: str) -> str:
    """A heading and HTML below it; nothing without the latter."""
    return f"<h2>{text(title)}</h2>{body}" if body else ""


def items(texts: Sequence[str]) -> str:
    """A list of sentences, in which names may stand between backticks."""
    lines = (f"<li>{text(one.replace('`', ''), _LONGEST_SENTENCE)}</li>" for one in texts)
    return f"<ul>{''.join(lines)}</ul>" if texts else ""


def table(
    head: Sequence[str],
    lines: Iterable[Sequence[Any]],
    numbers: set[int],
    *,
    longest: int = _LONGEST,
) -> str:
    """A table; columns without a value are left out.

    A cell is a text, a list of texts one below the other, or a `Share` as a bar.
    """
    lines = list(lines)
    kept = [j for j in range(len(head)) if any(line[j] for line in lines)]
    names = "".join(f"<th>{_name(head[j])}</th>" for j in kept)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-name="{_name(head[j])}"{_kind(line[j], j in numbers)}>'
            f"{_cell(line[j], longest)}</td>"
            for j in kept
        )
        + "</tr>"
        for line in lines
    )
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


class Share(NamedTuple):
    """A bar in a table, of this part of the width of its column."""

    value: float


def _cell(value: Any, longest: int) -> str:
    if isinstance(value, Share):
        return f'<div class="share" style="width:{100 * value.value:.1f}%"></div>'
    if isinstance(value, list):
        return "".join(f"<div>{text(one, longest)}</div>" for one in value)
    return text(value, longest)


def _name(head: str) -> str:
    return text(head, _LONGEST_NAME)


def _kind(value: Any, is_number: bool) -> str:
    kind = "wide" if isinstance(value, Share) else "number" if is_number else ""
    return f' class="{kind}"' if kind else ""


def text(value: Any, longest: int = _LONGEST) -> str:
    """A text of a file, escaped and cut short."""
    whole = shown(str(value))
    return escape(whole if len(whole) <= longest else f"{whole[: longest - 3]}...")
