"""The report of a watch as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skood.preprocessing.table_findings import counted

from ..html.parts import document, figures, section, status, table, text
from .history import charts


def page(facts: Mapping[str, Any]) -> str:
    """The report on these facts; all texts are escaped, since they come from files."""
    return document(
        f"{'Alarm' if facts['alarm'] else 'No alarm'}: {facts['input']}",
        f"skood watch: {facts['input']}",
        f"watched since {facts['begun']}, as of {facts['now']}",
        _status(facts)
        + _figures(facts)
        + charts(facts)
        + _columns(facts["moved"], facts["n_window"])
        + _strangest(facts["strangest"])
        + _alarms(facts["alarms"])
        + _set_aside(facts)
        + f'<p class="soft">{text(facts["promise"])} Detector: {text(facts["detector"])}.</p>',
    )


def _status(facts: Mapping[str, Any]) -> str:
    since = facts["since"]
    if not facts["alarm"] or since is None:
        said = "The test sees no difference from the training rows."
        if not facts["n_seen"]:
            said = "No rows yet."
        return status("No alarm", said, alarm=False)
    place = f" ({text(since['place'])})" if since["place"] else ""
    times = ""
    if since["time"]:
        times = (
            f", {text(since['time'])}; between {text(since['earliest_time'])} and "
            f"{text(since['latest_time'])}"
        )
    said = (
        f"The rows have changed since about row {since['row'] + 1:,}{place}{times}: between row "
        f"{since['earliest'] + 1:,} and row {since['latest'] + 1:,}, which the charts shade."
    )
    return status("Alarm", said, alarm=True)


def _figures(facts: Mapping[str, Any]) -> str:
    share = 100 * facts["n_flagged"] / max(1, facts["n_seen"])
    pairs = [
        ("rows", f"{facts['n_seen']:,}"),
        ("flagged", f"{facts['n_flagged']:,} ({share:.1f} %)"),
        ("e-value now", f"{facts['e_value']:.3g}"),
        ("alarm at", f"{facts['limit']:,.4g}"),
    ]
    return figures(pairs)


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
    return section("Columns that moved", table(head, lines, {3, 4}))


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
    return section("The strangest of the latest rows", table(head, lines, {2}))


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
    return section("Alarms", table(head, lines, {0, 2, 4}))


def _set_aside(facts: Mapping[str, Any]) -> str:
    lines = [[name, fault] for name, fault in facts["faults"].items()]
    said = section("Files set aside", table(["file", "why"], lines, set()) if lines else "")
    if facts["n_left_out"]:
        said += f"<p>{counted(facts['n_left_out'], 'row')} of growing files were left out.</p>"
    return said
