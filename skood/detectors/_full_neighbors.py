"""Full conformal ranks of the detectors on nearest neighbours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._validation import check_new_rows
from ..neighbors import ExactIndex, Neighbors
from ..rows.place import is_stored
from ._full_conformal import RankCounts, ScoreRanks, counts_by_blocks, unit_of

_PAIRS = 1 << 26  # pairs of a new row and a training row that are compared at a time
NEW = -1  # position of the new row among the neighbours of a training row


class Changes(NamedTuple):
    """Neighbours of new rows, and of the training rows that these are near to."""

    of_new: Neighbors
    """Neighbours of the new rows, of which none is left out: an equal row is another row."""
    queries: NDArray[np.intp]
    """(n_pairs,): positions of new rows, ascending."""
    rows: NDArray[np.intp]
    """(n_pairs,): training rows that have them among their neighbours."""
    neighbors: Neighbors
    """(n_pairs, k): all their neighbours then; the new row is at the position `NEW`."""


class NeighborLists:
    """Neighbours of all training rows, and which of them a new row changes.

    A new row changes the neighbours of the training rows that have it nearer than their k-th. Where
    it ties with the k-th it does not: of equally distant rows the first in the order of training
    counts, and the new row is the last.

    Parameters
    ----------
    detector : NeighborOutlierDetector
        Fitted, with all training rows in memory.
    """

    def __init__(self, detector: Any) -> None:
        index = detector.index_
        if is_stored(index.training_rows_):
            raise ValueError(
                f"method='full' needs all training rows of {type(detector).__name__} in memory. "
                "Read them into an array, or use method='split'."
            )
        n = index.n_samples_fit_
        self.k = min(detector.n_neighbors, n)  # one more than before where rows are few
        self.before = index.query_training(min(self.k, n - 1))
        self.indices, self.distances = self.before
        if self.k == n:
            self.indices = np.column_stack([self.indices, np.zeros(n, dtype=np.intp)])
            self.distances = np.column_stack([self.distances, np.full(n, np.inf)])
        # one product finds the neighbours of new rows, and the rows whose neighbours they are
        self.index = index
        if not (isinstance(index, ExactIndex) and index.is_on_host):
            self.index = ExactIndex(metric=index.metric).fit(index.training_rows_)

    @property
    def most_rows(self) -> int:
        """So many new rows at a time stay within the memory."""
        return max(1, _PAIRS // len(self.distances))

    def changes(self, X: NDArray) -> Changes:
        """What new rows change, each as if it was the only new row."""
        furthest = self.distances[:, -1]
        of_new, pairs = self.index.answer_within(X, self.k, furthest)
        nearer = np.flatnonzero(pairs[2] < furthest[pairs[1]])
        queries, rows, d = (array[nearer] for array in pairs)
        return Changes(of_new, queries, rows, self._inserted(rows, d[:, np.newaxis]))

    def _inserted(self, rows: NDArray[np.intp], d: NDArray[np.float64]) -> Neighbors:
        """Neighbours of the rows with a new one at these distances, and without the last."""
        indices, distances = self.indices.take(rows, axis=0), self.distances.take(rows, axis=0)
        further = distances > d
        at = np.argmax(further, axis=1)
        indices[:, 1:][further[:, :-1]] = indices[:, :-1][further[:, :-1]]
        indices[np.arange(len(rows)), at] = NEW
        shifted = np.maximum(distances[:, :-1], d)
        np.minimum(distances[:, :1], d, out=distances[:, :1])
        np.minimum(distances[:, 1:], shifted, out=distances[:, 1:])
        return Neighbors(indices, distances)


class FullByNeighbors:
    """Full conformal ranks of a detector whose score needs the row's own neighbours alone.

    Parameters
    ----------
    detector : NeighborOutlierDetector
        Fitted; it has `_score_beside`.
    """

    def __init__(self, detector: Any) -> None:
        self.detector = detector
        self.lists = NeighborLists(detector)
        rows = detector.index_.training_rows_
        self.training_scores, _ = detector._score(rows, self.lists.before)

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows among the training rows, or among those of each class.

        Parameters
        ----------
        X : array-like of shape (m, n_features)
            The new rows.
        codes : ndarray of int of shape (n,) or None
            The class of each training row if classes are compared on their own.
        """
        X = check_new_rows(self.detector, X, self.detector.index_.training_rows_.dtype)
        unit = unit_of(self.detector, self.training_scores)
        ranks = ScoreRanks(self.training_scores, codes, unit)

        def count(block: NDArray) -> RankCounts:
            of_new, queries, rows, neighbors = self.lists.changes(block)
            scores, _ = self.detector._score(block, of_new)
            changed = self.detector._score_beside(rows, neighbors, block, queries)
            return ranks.counts(scores, queries, rows, changed)

        return counts_by_blocks(count, X, self.lists.most_rows, self.detector.n_jobs)
