"""Full conformal ranks of the detectors on nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_new_rows
from ..measures.blocks import slices
from ..measures.lengths import pair_distances
from ..measures.powers_of_two import safe_unit
from ..neighbors import Neighbors
from ..rows.place import is_stored
from ._full_conformal import RankCounts, ScoreRanks, unit_of

_PAIRS = 1 << 23  # pairs of a new row and a training row that are compared at a time
_EPS = float(np.finfo(np.float32).eps)
NEW = -1  # position of the new row among the neighbours of a training row


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
        self.index = index = detector.index_
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
        self._centre_rows()

    def new_rows(self, X: NDArray) -> Neighbors:
        """Neighbours of new rows, of which none is left out: an equal row is another row."""
        return self.index.answer(X, self.k, None)

    def changed(self, X: NDArray) -> Iterator[tuple[slice, NDArray, NDArray, Neighbors]]:
        """Blocks of the new rows, with positions of new rows and of the training rows they change.

        The neighbours are those after the change; the new row is at the position `NEW`.
        """
        norms = None if self.index.row_norms_ is None else self.index.norms(X)
        for part in slices(len(X), _PAIRS, each=len(self.distances)):
            block = X[part]
            lengths = None if norms is None else norms[part]
            queries, rows = self._near(block, lengths)
            pair = None if lengths is None else (self.index.row_norms_, lengths)
            d = pair_distances(self.index.training_rows_, block, rows, queries, pair)
            d = d if lengths is None else 0.5 * d**2
            nearer = d < self.distances[rows, -1]
            queries, rows, d = queries[nearer], rows[nearer], d[nearer]
            yield part, queries, rows, self._inserted(rows, d)

    def _centre_rows(self) -> None:
        rows, reach = self.index.training_rows_, self.distances[:, -1]
        if self.index.row_norms_ is not None:
            rows, reach = rows / self.index.row_norms_[:, np.newaxis], np.sqrt(2.0 * reach)
        self._centre = np.median(rows, axis=0).astype(np.float64)
        points = rows - self._centre
        largest = float(np.abs(points).max())
        self._unit = safe_unit(largest if largest > 0 else 1.0, 8)
        points /= self._unit
        reach = reach / self._unit
        # errors of the float32 product, for squares of all lengths that are in it
        self._slack = 8 * (rows.shape[1] + 8) * _EPS
        with np.errstate(over="ignore"):
            limits = (1 + self._slack) * reach**2
        limits -= (1 - self._slack) * np.einsum("ij,ij->i", points, points)
        self._right = np.column_stack([points, 0.5 * limits]).astype(np.float32)

    def _near(
        self, block: NDArray, lengths: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs that may be nearer than the training row's k-th neighbour, rounding allowed for."""
        rows = block if lengths is None else block / lengths[:, np.newaxis]
        with np.errstate(over="ignore", invalid="ignore"):
            points = (rows - self._centre) / self._unit
            squares = (0.5 - 0.5 * self._slack) * np.einsum("ij,ij->i", points, points)
            left = np.column_stack([points, np.ones(len(points))]).astype(np.float32)
            product = left @ self._right.T
            far = product < squares.astype(np.float32)[:, np.newaxis]  # NaN counts as near
        queries, near = np.nonzero(~far)
        return queries, near

    def _inserted(self, rows: NDArray[np.intp], d: NDArray[np.float64]) -> Neighbors:
        """Neighbours of the rows with a new one at these distances, and without the last."""
        indices, distances = self.indices[rows], self.distances[rows]
        place = (distances <= d[:, np.newaxis]).sum(axis=1)[:, np.newaxis]
        column = np.arange(self.k)
        before, at = column < place, column == place
        new = np.where(before, distances, np.roll(distances, 1, axis=1))
        of_new = np.where(before, indices, np.roll(indices, 1, axis=1))
        return Neighbors(np.where(at, NEW, of_new), np.where(at, d[:, np.newaxis], new))


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
        ranks = ScoreRanks(
            self.training_scores, codes, unit_of(self.detector, self.training_scores)
        )
        scores, _ = self.detector._score(X, self.lists.new_rows(X))
        parts = []
        for part, queries, rows, neighbors in self.lists.changed(X):
            changed = self.detector._score_beside(rows, neighbors, X[part], queries)
            parts.append(ranks.counts(scores[part], queries, rows, changed))
        lower = np.concatenate([counts.lower for counts in parts])
        return RankCounts(lower, np.concatenate([c.ties for c in parts]), ranks.sizes)
