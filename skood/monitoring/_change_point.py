"""When a change began: the most likely time by the numbers before and after it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._segments import EDGES, Segments

_WITHIN = 3.0  # times in the range are less likely than the best by a factor of e^3 at most


class ChangeEstimate(NamedTuple):
    """When a change began, by `ConformalMonitor.since_`. Rows of the stream count from 0."""

    row: int
    """The first row after the change."""
    earliest: int
    """The first row at which it may have begun."""
    latest: int
    """The last row at which it may have begun."""
    time: np.datetime64 | None = None
    """The time of `row`, if rows have times."""
    earliest_time: np.datetime64 | None = None
    """The time of `earliest`."""
    latest_time: np.datetime64 | None = None
    """The time of `latest`."""


def change_point(
    segments: Segments, stream: int, first_row: int = 0, last_row: int | None = None
) -> ChangeEstimate:
    """The most likely change of one stream between two rows: numbers are uniform before it only."""
    segments.settle()
    starts = segments.starts
    stop = len(starts) if last_row is None else int(np.searchsorted(starts, last_row, "right"))
    known = slice(min(int(np.searchsorted(starts, first_row)), stop - 1), stop)
    after = np.cumsum(segments.counts[known, stream][::-1], axis=0, dtype=np.float64)[::-1]
    n_after = after.sum(axis=1, keepdims=True)
    mass = np.diff(EDGES)
    gains = (after * np.log(np.maximum(after, 1) / (n_after * mass))).sum(axis=1)
    # The more numbers, the better the shares fit by chance: Schwarz (1978) subtracts this.
    gains -= (len(mass) - 1) / 2 * np.log(n_after[:, 0])
    likely = np.flatnonzero(gains >= gains.max() - _WITHIN) + known.start
    best, last = int(np.argmax(gains)) + known.start, int(likely[-1])
    first = max(int(likely[0]) - 1, known.start)  # within the segment before
    return ChangeEstimate(
        int(starts[best]),
        int(starts[first]),
        int(starts[last] + segments.n_rows[last] - 1),
        _time(segments.first_time[best]),
        _time(segments.first_time[first]),
        _time(segments.last_time[last]),
    )


def _time(value: np.int64) -> np.datetime64 | None:
    time = np.datetime64(int(value), "ns")
    return None if np.isnat(time) else time
