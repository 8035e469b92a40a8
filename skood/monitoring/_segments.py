"""The past of a stream in segments of rows: short recent ones, longer ones further back.

Two old segments of equal length become one when there are many of them. So the memory grows with
the logarithm of the number of rows, and each time of change is known to a small share of its age.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = 16  # rows of the shortest segments
_MOST, _FEWEST, _CELLS_IN_MEMORY = 64, 8, 2_000  # segments of a length, so many for few streams
# Cells of the numbers, in which segments count: narrow at the ends.
EDGES = np.array([0, 2**-8, 1 / 24, 3 / 24, 0.25, 10 / 24, 14 / 24, 0.75, 21 / 24, 23 / 24, 1.0])
_INNER = EDGES[1:-1]
_NO_TIME = np.iinfo(np.int64).min  # NaT


class Segments:
    """Counts of each segment, as arrays with one line a segment."""

    def __init__(self, n_streams: int) -> None:
        self.n_streams = n_streams
        self.waiting: list[Any] = []
        self.n_rows = np.zeros(0, dtype=np.int64)
        self.counts = np.zeros((0, n_streams, len(EDGES) - 1), dtype=np.int32)
        self.n_flagged = np.zeros(0, dtype=np.int64)
        self.p_sums = np.zeros(0)
        self.last_value, self.max_value = np.zeros(0), np.zeros(0)
        self.first_time = np.zeros(0, dtype=np.int64)
        self.last_time = np.zeros(0, dtype=np.int64)

    @property
    def starts(self) -> NDArray[np.int64]:
        """The first row of each segment."""
        return np.cumsum(self.n_rows) - self.n_rows

    def add(
        self,
        numbers: NDArray[np.float64],
        values: NDArray[np.float64],
        p_values: NDArray[np.float64],
        flagged: NDArray[np.bool_],
        times: NDArray[np.int64] | None,
    ) -> None:
        """Add rows: their numbers (n, n_streams), the evidence after each, p-values, decisions."""
        times = np.full(len(values), _NO_TIME) if times is None else times
        self.waiting.append((numbers, values, p_values, flagged, times))
        if len(values) > 1 or len(self.waiting) == _LENGTH:
            self.settle()

    def settle(self) -> None:
        """Count the rows that wait: single rows are counted together, which is quicker."""
        if not self.waiting:
            return
        parts = zip(*self.waiting, strict=True)
        numbers, values, p_values, flagged, times = (np.concatenate(part) for part in parts)
        self.waiting = []
        cells = _INNER.searchsorted(numbers, side="right")
        rows = (cells, values, p_values, flagged, times)
        begun = int(self.n_rows[-1]) if len(self.n_rows) else _LENGTH
        missing = min(max(_LENGTH - begun, 0), len(values))
        if missing == len(values):
            self._complete(*rows)
        elif missing:
            self._complete(*(part[:missing] for part in rows))
        if missing < len(values):
            self._begin(*(part[missing:] for part in rows))
            self._shorten()

    def _complete(self, cells: Any, values: Any, p_values: Any, flagged: Any, times: Any) -> None:
        """Add rows to the last segment."""
        self.n_rows[-1] += len(values)
        np.add.at(self.counts[-1], (np.arange(self.n_streams), cells), 1)
        self.n_flagged[-1] += np.count_nonzero(flagged)
        self.p_sums[-1] += p_values.sum()
        self.last_value[-1] = values[-1]
        self.max_value[-1] = max(self.max_value[-1], values.max())
        self.last_time[-1] = times[-1]

    def _begin(self, cells: Any, values: Any, p_values: Any, flagged: Any, times: Any) -> None:
        """Add rows in new segments."""
        n = len(values)
        firsts = np.arange(0, n, _LENGTH)
        lasts = np.append(firsts[1:], n) - 1
        counts = np.zeros((len(firsts), *self.counts.shape[1:]), dtype=self.counts.dtype)
        segment = (np.arange(n) // _LENGTH)[:, np.newaxis]
        np.add.at(counts, (segment, np.arange(self.n_streams), cells), 1)
        new = {
            "n_rows": lasts - firsts + 1,
            "counts": counts,
            "n_flagged": np.add.reduceat(flagged.astype(np.int64), firsts),
            "p_sums": np.add.reduceat(p_values, firsts),
            "last_value": values[lasts],
            "max_value": np.maximum.reduceat(values, firsts),
            "first_time": times[firsts],
            "last_time": times[lasts],
        }
        for name, part in new.items():
            setattr(self, name, np.concatenate([getattr(self, name), part]))

    def _shorten(self) -> None:
        """Join pairs of the oldest segments of each length if there are too many."""
        most = int(np.clip(_CELLS_IN_MEMORY // self.n_streams, _FEWEST, _MOST))
        length = _LENGTH
        while length <= self.n_rows.max():
            same = np.flatnonzero(self.n_rows == length)
            n_pairs = -(-(len(same) - most) // 2)
            if n_pairs > 0:
                self._join(same[: 2 * n_pairs : 2])
            length *= 2

    def _join(self, first: NDArray[np.intp]) -> None:
        """Join each of these segments with the one after it."""
        second = first + 1
        for name in ("n_rows", "counts", "n_flagged", "p_sums"):
            getattr(self, name)[first] += getattr(self, name)[second]
        self.max_value[first] = np.maximum(self.max_value[first], self.max_value[second])
        for name in ("last_value", "last_time"):
            getattr(self, name)[first] = getattr(self, name)[second]
        for name, values in vars(self).items():
            if isinstance(values, np.ndarray):
                setattr(self, name, np.delete(values, second, axis=0))
