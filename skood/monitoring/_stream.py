"""The state of a stream: the contributions of its rows so far."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import count_rows, parameter_error
from ..calibration import ConformalOutlierDetector
from ._blocks import as_table
from ._change_point import ChangeEstimate, change_point
from ._evidence import Evidence
from ._online_ranks import ScoreGaps
from ._row_decisions import RowDecisions
from ._row_window import RowWindow
from ._segments import Segments
from ._times import row_times
from ._update import MonitorUpdate

_SCORE = "score"
_MOST_ALARMS = 1_000  # that `alarms` holds


class Stream:
    """Evidence, decisions, segments and latest rows of a stream, and its alarms.

    The alarm is raised when the evidence reaches `limit`. After the alarm, later rows are compared
    with the rows before it; with `renewed`, the evidence starts anew.
    """

    def __init__(
        self,
        conformal: ConformalOutlierDetector,
        bins: Any,
        decisions: RowDecisions,
        *,
        limit: float,
        renewed: bool,
        window: int,
        seed: int,
    ) -> None:
        self.decisions, self.limit = decisions, limit
        self.random = np.random.Generator(np.random.PCG64(seed))
        unit = conformal._calibration.unit
        gaps = ScoreGaps(conformal.training_scores_, unit, self.random)
        self.names = [_SCORE, *([] if bins is None else bins.names)]
        self.evidence = Evidence(gaps, bins, renewed=renewed)
        self.segments = Segments(len(self.names))
        self.window = RowWindow(window)
        self.alarms: list[dict[str, Any]] = []
        self.n_seen = self.n_flagged = self.first_row = 0
        self.last_time: int | None = None

    @property
    def since(self) -> ChangeEstimate | None:
        """The start of the change of the latest alarm."""
        if not self.alarms:
            return None
        alarm = self.alarms[-1]
        since: ChangeEstimate = alarm["since"]
        if self.evidence.renewed:
            return since
        # As many rows again as the alarm took make it sharper. Still later ones would not: of a
        # change that grows, they would tell when it was large.
        last_row = 2 * alarm["row"] - since.row
        stream = self.names.index(alarm["stream"])
        return change_point(self.segments, stream, last_row=last_row)

    def latest(self) -> tuple[Any, NDArray[np.float64], NDArray | None, int]:
        """Rows of the window since the change: rows, scores and p-values, times, first number."""
        since = self.since
        return self.window.since(0 if since is None else since.row)

    def copy(self) -> Stream:
        """An independent copy of the stream."""
        other = copy.copy(self)
        other.evidence = self.evidence.copy()
        for name in ("segments", "window", "decisions", "random"):
            setattr(other, name, copy.deepcopy(getattr(self, name)))
        return other

    def take(
        self, conformal: ConformalOutlierDetector, rows: Any, timestamps: Any
    ) -> MonitorUpdate:
        """Add one block. All checks come first, so that a bad row changes nothing."""
        times = row_times(timestamps, count_rows(rows), self.last_time)
        if times is None and self.decisions.by_time:
            allowed = "one time for each row, since alert_budget is by time"
            raise parameter_error("ConformalMonitor.update", "timestamps", allowed, None)
        evidence = self.evidence
        scores = conformal.score_samples(rows)
        table = as_table(rows)
        codes = None if evidence.columns is None else evidence.columns.codes(table)
        uniform = self.random.random((len(scores), len(self.names) + 1))
        gaps, p_values = evidence.gaps.places(scores, uniform[:, 0])
        places = gaps[:, np.newaxis]
        if codes is not None:
            places = np.hstack([places, codes])
        flagged = self.decisions.flags(p_values, self.n_seen, times)
        first_row = self.n_seen
        is_alarm = self._advance(places, uniform[:, 1:], p_values, flagged, times)
        self.window.add(table, scores, p_values, times)
        self.n_flagged += int(np.count_nonzero(flagged))
        if times is not None:
            self.last_time = int(times[-1])
        return MonitorUpdate(first_row, scores, p_values, flagged, self.evidence.value, is_alarm)

    def _advance(
        self,
        places: NDArray[np.intp],
        uniform: NDArray[np.float64],
        p_values: NDArray[np.float64],
        flagged: NDArray[np.bool_],
        times: NDArray[np.int64] | None,
    ) -> bool:
        """Add the rows to the evidence, up to each alarm at a time."""
        start, raised = 0, False
        while start < len(places):
            evidence = self.evidence
            awaits = evidence.renewed or not self.alarms
            many = awaits and len(places) - start > 1
            before = evidence.copy() if many else None
            steps = evidence.take(places[start:], uniform[start:], learn=awaits)
            value = (steps.values * evidence.weights).max(axis=1)
            stop, crossed = len(places), np.flatnonzero(awaits & (value >= self.limit))
            if crossed.size:
                stop = start + int(crossed[0]) + 1
                if before is not None and stop < len(places):
                    self.evidence = evidence = before
                    steps = evidence.take(places[start:stop], uniform[start:stop], learn=True)
            part = slice(start, stop)
            self.segments.add(
                steps.numbers[: stop - start],
                value[: stop - start],
                p_values[part],
                flagged[part],
                None if times is None else times[part],
            )
            self.n_seen += stop - start
            if crossed.size:
                raised = True
                self._raise_alarm(None if times is None else int(times[stop - 1]))
            start = stop
        return raised

    def _raise_alarm(self, time: int | None) -> None:
        evidence = self.evidence
        stream = int(np.argmax(evidence.values * evidence.weights))
        alarm = {
            "row": self.n_seen - 1,
            "time": None if time is None else np.datetime64(time, "ns"),
            "e_value": evidence.value,
            "stream": self.names[stream],
            "since": change_point(self.segments, stream, self.first_row),
        }
        self.alarms = [*self.alarms, alarm][-_MOST_ALARMS:]
        if evidence.renewed:
            evidence.restart()
            self.first_row = self.n_seen
