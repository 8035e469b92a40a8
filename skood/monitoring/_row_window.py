"""The latest rows of a stream, unchanged."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from .._validation import is_dict

_MOST_BYTES = 1 << 25  # of arrays: rows may be images


class RowWindow:
    """The latest rows, at least `size` if there were as many, with their scores and p-values.

    Rows are arrays, or frames, which become a dict of arrays: a saved file can hold it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.parts: list[Any] = []
        self.facts: list[NDArray[np.float64]] = []  # (n, 2): scores, p-values
        self.times: list[NDArray[np.int64] | None] = []
        self.n_kept = self.first_row = 0

    def add(self, rows: Any, scores: NDArray, p_values: NDArray, times: NDArray | None) -> None:
        """Add rows at the end, and drop old ones when there are twice as many as needed."""
        if self.size and not self.parts:
            self.size = min(self.size, _most_rows(rows))
        if not self.size:
            return
        last = slice(max(0, len(scores) - self.size), None)
        if last.start:  # the rows are more than the whole window
            self.first_row += self.n_kept + last.start
            self._clear()
        self.parts.append(_stored(rows, last))
        self.facts.append(np.column_stack([scores[last], p_values[last]]))
        self.times.append(None if times is None else times[last])
        self.n_kept += len(self.facts[-1])
        if self.n_kept >= 2 * self.size:
            self._shorten()

    def _clear(self) -> None:
        self.parts, self.facts, self.times, self.n_kept = [], [], [], 0

    def _shorten(self) -> None:
        n_dropped = max(0, self.n_kept - self.size)
        last = slice(n_dropped, None)
        self.parts = [_joined(self.parts, last)] if self.parts else []
        self.facts = [np.concatenate(self.facts)[last]] if self.facts else []
        known = [part for part in self.times if part is not None]
        whole = np.concatenate(known)[last] if known and len(known) == len(self.times) else None
        self.times = [whole] if self.times else []
        self.n_kept -= n_dropped
        self.first_row += n_dropped

    def since(self, row: int) -> tuple[Any, NDArray[np.float64], NDArray | None, int]:
        """The kept rows from `row` on, their scores and p-values, times, and the first's number."""
        self._shorten()
        first = min(max(row - self.first_row, 0), max(self.n_kept - 1, 0))
        part = slice(first, None)
        rows = _as_given(_joined(self.parts, part)) if self.parts else None
        facts = self.facts[0][part] if self.facts else np.zeros((0, 2))
        times = self.times[0][part] if self.times and self.times[0] is not None else None
        return rows, facts, times, self.first_row + first


def _most_rows(rows: Any) -> int:
    """The largest number of such rows to keep; 0 for inputs by name."""
    if is_dict(rows):
        return 0
    each = getattr(rows, "nbytes", 0) // len(rows)
    return _MOST_BYTES // each if each else sys.maxsize


def _stored(rows: Any, part: slice) -> Any:
    """A copy of these rows that a file can hold."""
    if not hasattr(rows, "columns"):
        return np.array(rows[part])
    if hasattr(rows, "to_pandas"):  # polars, Arrow
        rows = rows.to_pandas()
    rows = rows.iloc[part]
    return {str(name): np.array(rows.iloc[:, i]) for i, name in enumerate(rows.columns)}


def _joined(parts: list[Any], part: slice) -> Any:
    if isinstance(parts[0], dict):
        return {name: np.concatenate([p[name] for p in parts])[part] for name in parts[0]}
    return np.concatenate(parts)[part]


def _as_given(rows: Any) -> Any:
    if not isinstance(rows, dict):
        return rows
    return import_optional("pandas", "io", needed_by="ConformalMonitor on frames").DataFrame(rows)
