"""Groups of equal training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RowCopies:
    """Groups of equal training rows: the points of a tree, and the positions of each point.

    `first` has for each row the position of the first row that equals it.
    """

    def __init__(self, first: NDArray[np.intp]) -> None:
        is_first = first == np.arange(len(first))
        self.firsts = np.flatnonzero(is_first)
        self.single = len(self.firsts) == len(first)
        self.most = 1
        if self.single:
            return
        point = (np.cumsum(is_first) - 1)[first]
        self.counts = np.bincount(point)
        self.most = int(self.counts.max())
        self._starts = np.cumsum(self.counts) - self.counts
        self._positions = np.argsort(point, kind="stable")

    def expand(
        self, q_rows: NDArray[np.intp], points: NDArray[np.intp], most: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of query and training row, with the first `most` copies of each point."""
        if self.single:
            return q_rows, points
        counts = np.minimum(self.counts[points], most)
        first = np.cumsum(counts) - counts
        within = np.arange(counts.sum()) - np.repeat(first, counts)
        return np.repeat(q_rows, counts), self._positions[
            np.repeat(self._starts[points], counts) + within
        ]
