"""The facts of the report, in plain types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .._fitted import Fitted
from .state import State
from .telling import alarm_facts, moved_columns, since_facts, time_text

_ALARMS = 20  # the latest


def facts_of(state: State, fitted: Fitted, feed: str) -> dict[str, Any]:
    """All facts of a watch for its report."""
    monitor = state.monitor
    since = monitor.since_
    moved = moved_columns(monitor) if monitor.n_seen_ else []
    return {
        "input": feed,
        "begun": time_text(state.begun),
        "now": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "alarm": bool(monitor.alarm_),
        "since": None if since is None else since_facts(state, since),
        "n_seen": int(monitor.n_seen_),
        "n_flagged": int(monitor.n_flagged_),
        "n_window": min(int(monitor.n_seen_), monitor.window),
        "e_value": float(monitor.e_value_),
        "limit": float(monitor.limit_),
        "row_alpha": float(monitor.row_alpha),
        "history": [_plain(line) for line in monitor.history_.to_dict("records")],
        "moved": moved,
        "strangest": [_strange(state, row) for row in monitor.strangest()],
        "alarms": [
            alarm_facts(state, alarm, feed, moved) for alarm in reversed(monitor.alarms_[-_ALARMS:])
        ],
        "faults": state.ledger.faults,
        "n_left_out": state.ledger.n_left_out,
        "promise": _promise(monitor),
        "detector": fitted.describe(),
    }


def _promise(monitor: Any) -> str:
    if monitor.average_run_length is None:
        return (
            "While nothing changes, the probability of ever raising an alarm is at most "
            f"{100 * monitor.alpha:g} %, however often you look."
        )
    return (
        "While nothing changes, the mean number of rows between alarms is at least "
        f"{monitor.average_run_length:,}."
    )


def _strange(state: State, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "place": state.origin(int(row["row"])), "time": time_text(row["time"])}


def _plain(line: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: time_text(line[name]) or None for name in ("first_time", "last_time")}
    return {**line, **times}
