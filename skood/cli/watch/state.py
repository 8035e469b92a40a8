"""The state of a watch: the monitor and the ledger, in one file that is replaced whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import skood
from skood.monitoring import ConformalMonitor
from skood.storage import read_manifest
from skood.storage.guard import one_sentence

from .._errors import UsageError
from .._fitted import Fitted, architectures_in, checksum, named_rows
from .ledger import Ledger

_NOTES = "watch"
_MOST = 1_000  # batches that are remembered by their files


@dataclass
class State:
    """The state from which a killed watch resumes.

    `origins` says where the latest rows of the stream come from: the first row, how many, the file,
    and the row there. `announced` is the row of the last alarm that was reported.
    """

    path: Path
    monitor: Any
    detector: str  # checksum of its file
    architectures: Mapping[str, str]
    ledger: Ledger = field(default_factory=Ledger)
    origins: list[list[Any]] = field(default_factory=list)
    announced: int = -1
    begun: str = ""
    is_dirty: bool = True

    def save(self) -> None:
        """Replace the file, in one step."""
        facts = {
            "detector": self.detector,
            "announced": self.announced,
            "begun": self.begun,
            # as one text: the lists of a manifest take a line for each item
            "ledger": json.dumps(self.ledger.to_list()),
            "origins": json.dumps(self.origins),
        }
        notes = {_NOTES: facts}
        skood.save(self.monitor, self.path, architectures=self.architectures, notes=notes)
        self.is_dirty = False

    def count(self, name: str, start: int, n_rows: int) -> None:
        """Remember that the latest rows of the stream are these of a file."""
        self.origins.append([self.monitor.n_seen_ - n_rows, n_rows, name, start])
        oldest = self.monitor.n_seen_ - 2 * self.monitor.window
        while len(self.origins) > 1 and (
            sum(self.origins[0][:2]) <= oldest or len(self.origins) > _MOST
        ):
            del self.origins[0]

    def origin(self, row: int) -> str:
        """The file of a row of the stream, and the row there, counted from 1; empty if unknown."""
        for first, n_rows, name, start in self.origins:
            if first <= row < first + n_rows:
                return f"{name}, row {start + row - first + 1:,}"
        return ""

    def new_alarms(self) -> list[dict[str, Any]]:
        """The alarms that were not reported yet, by this file."""
        return [alarm for alarm in self.monitor.alarms_ if alarm["row"] > self.announced]

    def reset(self) -> None:
        """Start anew with the next row; the ledger stays."""
        self.monitor.reset()
        self.announced, self.origins, self.is_dirty = -1, [], True


def opened_state(
    path: Path,
    fitted: Fitted,
    detector: Path,
    given: Mapping[str, Any],
    trust: tuple[str, ...],
    rows: tuple[str, ...],
) -> State:
    """Load the state of a watch, or make one; `given` are the parameters of the monitor."""
    digest = checksum(detector)
    named = {name: value for name, value in given.items() if value is not None}
    if not path.exists():
        monitor = ConformalMonitor.from_fitted(fitted.detector, random_state=0, **named)
        built_by = architectures_in(detector, fitted.detector, monitor)
        state = State(path, monitor, digest, built_by)
        state.begun = datetime.now(UTC).isoformat(timespec="seconds")
        return state
    facts = read_manifest(path).get("notes", {}).get(_NOTES)
    if not isinstance(facts, dict):
        raise UsageError(
            f"{str(path)!r} is not a state of skood watch: name another file with --state."
        )
    if facts.get("detector") != digest:
        raise UsageError(
            f"The state {str(path)!r} belongs to another detector than {str(detector)!r}: name "
            "that detector, or start a new watch with another --state."
        )
    monitor = skood.load(path, trusted=trust, rows=named_rows(rows))
    for name, value in named.items():
        known = getattr(monitor, name)
        if known != value:
            raise UsageError(
                f"The state {str(path)!r} was started with {name}={known}, and "
                f"--{name.replace('_', '-')} is {value}: leave the option out, or start a new "
                "watch with another --state."
            )
    with one_sentence(f"{path.name} does not hold the state of a watch"):
        ledger = Ledger.from_list(json.loads(facts["ledger"]))
        origins = json.loads(facts["origins"])
        told = (int(facts["announced"]), str(facts["begun"]))
    built_by = architectures_in(path, monitor, monitor)
    return State(path, monitor, digest, built_by, ledger, origins, *told, is_dirty=False)
