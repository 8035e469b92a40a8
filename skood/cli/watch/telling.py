"""The lines that a watch prints for batches and alarms."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from skood.preprocessing.table_findings import counted

from .state import State

_NAMED = 3  # columns in the line of an alarm
_CLEAR = 0.01  # adjusted p-value of a column that has moved


def batch_line(name: str, update: Any) -> str:
    """One line for a batch."""
    n_flagged = int(update.flagged.sum())
    return (
        f"{name}: {counted(update.n_rows, 'row')}, {n_flagged:,} flagged "
        f"({100 * n_flagged / max(1, update.n_rows):.1f} %), e-value {update.e_value:.3g}"
    )


def alarm_line(facts: dict[str, Any]) -> str:
    """An alarm in one line."""
    since, moved = facts["since"], facts["moved"]
    when = f" ({since['time']})" if since["time"] else ""
    where = f"the rows of {facts['stream']!r}" if facts["stream"] != "score" else "the rows"
    line = (
        f"ALARM: {where} have changed since about row {since['row'] + 1:,}{when}, between "
        f"{since['earliest'] + 1:,} and {since['latest'] + 1:,}; seen at row "
        f"{facts['row'] + 1:,} with the e-value {facts['e_value']:.3g}"
    )
    return f"{line}; moved most: {', '.join(moved)}" if moved else line


def alarm_json(facts: dict[str, Any]) -> str:
    """An alarm as a line of JSON. Rows of the stream count from 0."""
    return json.dumps(facts)


def alarm_facts(
    state: State, alarm: dict[str, Any], feed: str, moved: list[dict[str, Any]]
) -> dict[str, Any]:
    """An alarm in plain types; `moved` are the `moved_columns` today."""
    return {
        "event": "alarm",
        "input": feed,
        "state": str(state.path),
        "told": datetime.now(UTC).isoformat(timespec="seconds"),
        "row": int(alarm["row"]),
        "place": state.origin(int(alarm["row"])),
        "time": time_text(alarm["time"]),
        "e_value": float(alarm["e_value"]),
        "stream": alarm["stream"],
        "since": since_facts(state, alarm["since"]),
        "moved": [line["column"] for line in moved[:_NAMED]],
    }


def since_facts(state: State, since: Any) -> dict[str, Any]:
    """When a change began, in plain types."""
    return {
        "row": int(since.row),
        "earliest": int(since.earliest),
        "latest": int(since.latest),
        "place": state.origin(int(since.row)),
        "time": time_text(since.time),
        "earliest_time": time_text(since.earliest_time),
        "latest_time": time_text(since.latest_time),
    }


def moved_columns(monitor: Any) -> list[dict[str, Any]]:
    """The lines of `changes` on columns that have moved, in plain types, most moved first."""
    lines = []
    for line in monitor.changes().to_dict("records"):
        if float(line["p_value"]) <= _CLEAR:
            share = float(line["share"])
            line["share"] = share if math.isfinite(share) else None
            line["column"] = str(line["column"])
            lines.append(line)
    return lines


def time_text(time: Any) -> str:
    """A time to the second; empty without one."""
    text = "" if time is None else str(time)
    return "" if text in ("", "NaT") else text[:19].replace("T", " ")
