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
    """Pairs of a new row and a training row that has it among its neighbours."""

    queries: NDArray[np.intp]
    """(n_pairs,): positions of new rows, ascending."""
    rows: NDArray[np.intp]
    """(n_pairs,): training rows."""
    distances: NDArray[np.float64]
    """(n_pairs,)"""


class NeighborLists:
    """Neighbours of all training rows, and the changes by a new row.

    A new row changes the neighbours of each training row whose k-th neighbour is further away than
    the new row. A tie changes nothing: of equally distant rows the first in the order of training
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

        self._reach: Any = None  # made by the first call: a saved object does without it

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reach": None}

    @property
    def most_rows(self) -> int:
        """The largest number of new rows at a time that stays within the memory."""
        return max(1, _PAIRS // len(self.distances))

    def changes(self, X: NDArray) -> tuple[Neighbors, Changes]:
        """Neighbours of new rows, and the changes by each of them as the only new row.

        No neighbour is left out: an equal row is another row.
        """
        furthest = self.distances[:, -1]
        if self._reach is None:
            self._reach = self.index.reach_of(furthest)
        of_new, pairs = self.index.answer_within(X, self.k, self._reach)
        nearer = np.flatnonzero(pairs.distances < furthest.take(pairs.rows))
        return of_new, Changes(*pairs.some(nearer))

    def with_new(self, changed: Changes) -> Neighbors:
        """All neighbours of the training rows, with the new row at `NEW` and without the last.

        They are not sorted, except that the furthest is the last.
        """
        _, rows, d = changed
        indices, distances = self.indices.take(rows, axis=0), self.distances.take(rows, axis=0)
        if self.k == 1:
            return Neighbors(np.full_like(indices, NEW), d[:, np.newaxis])
        last, before = distances[:, -2].copy(), indices[:, -2].copy()
        is_last = d >= last
        np.maximum(last, d, out=distances[:, -1])
        np.minimum(last, d, out=distances[:, -2])
        indices[:, -1] = np.where(is_last, NEW, before)
        indices[:, -2] = np.where(is_last, before, NEW)
        return Neighbors(indices, distances)


class FullByNeighbors:
    """Full conformal ranks of a detector whose score needs the row's own neighbours alone.

    Parameters
    ----------
    detector : NeighborOutlierDetector
        Fitted. Its score needs the distances alone, unless a subclass says otherwise.
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
            The class of each training row if classes are compared separately.
        """
        X = check_new_rows(self.detector, X, self.detector.index_.training_rows_.dtype)
        unit = unit_of(self.detector, self.training_scores)
        ranks = ScoreRanks(self.training_scores, codes, unit)

        def count(block: NDArray) -> RankCounts:
            of_new, changed = self.lists.changes(block)
            scores, _ = self.detector._score(block, of_new)
            beside = self._scores_beside(changed, block, ranks.limits(scores))
            return ranks.counts(scores, changed.queries, changed.rows, beside)

        return counts_by_blocks(count, X, self.lists.most_rows, self.detector.n_jobs)

    def _scores_beside(
        self,
        changed: Changes,
        X: NDArray,
        limits: tuple[NDArray[np.float64], NDArray[np.float64]],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Scores of the training rows, exact or on the correct side of the new rows' limits."""
        return self.detector._score(X, self.lists.with_new(changed))[0]
