"""Rows in several parts, of which some are on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._stored_rows import StoredRows
from .place import is_stored


class JoinedRows(StoredRows):
    """Rows on disk and in memory, one after the other.

    Parameters
    ----------
    parts : sequence of StoredRows and ndarray
        The rows, all of one float type and width.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = list(parts)
        self._ends = np.cumsum([0, *map(len, self._parts)])
        super().__init__(
            (int(self._ends[-1]), self._parts[0].shape[1]),
            self._parts[0].dtype,
            f"{len(self._parts)} parts",
        )

    def _read(self, start: int, stop: int) -> NDArray:
        blocks = [
            part[max(0, start - first) : max(0, stop - first)]
            for part, first, end in zip(self._parts, self._ends[:-1], self._ends[1:], strict=True)
            if first < stop and start < end
        ]
        if len(blocks) == 1:
            return blocks[0]
        return np.concatenate(blocks) if blocks else np.empty((0, self.shape[1]), self.dtype)

    def _block(self, start: int, stop: int) -> NDArray:
        return self._floats(self._read(start, stop))  # each part keeps its own piece

    def _gather(self, positions: NDArray[np.intp], out: NDArray) -> None:
        edges = np.searchsorted(positions, self._ends)
        for number, part in enumerate(self._parts):
            inside = slice(edges[number], edges[number + 1])
            if inside.start < inside.stop:
                out[inside] = part.take(positions[inside] - self._ends[number], axis=0)


def joined_rows(first: Any, second: Any) -> Any:
    """Rows and further rows after them: one array if both are arrays, else joined parts.

    Parameters
    ----------
    first, second : ndarray or StoredRows of one float type and width
        Checked rows, without NaN and infinity.

    Returns
    -------
    ndarray or StoredRows
    """
    if not is_stored(first) and not is_stored(second):
        return np.concatenate([first, second])
    before = first._parts if isinstance(first, JoinedRows) else [first]
    if before and isinstance(before[-1], np.ndarray) and isinstance(second, np.ndarray):
        before, second = before[:-1], np.concatenate([before[-1], second])
    both = JoinedRows([*before, second])
    both.finite = True
    return both
