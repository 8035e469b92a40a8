"""Exact neighbours in few columns by a k-d tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .._validation import check_int, check_n_jobs
from ..measures.blocks import slices
from ..measures.lengths import pair_distances
from ..measures.powers_of_two import safe_unit
from ..rows.copies import RowCopies
from ..rows.lookup import RowLookup
from ..rows.threads import n_threads
from .contract import NeighborIndex

_MAX_PAIRS = 1 << 20  # pairs of query and training row in memory at a time
_SAFE_LENGTH = 1e150  # the square of a larger coordinate overflows float64
# In the unit of the tree: below this a distance may have lost digits to the smallest float.
_SMALLEST_DISTANCE = 1e-150

_Nearest = tuple[NDArray[np.intp], NDArray[np.float64]]


class KDTreeIndex(NeighborIndex):
    """Index that asks SciPy's k-d tree, for rows with few columns.

    The answer equals that of `ExactIndex`, to the last bit. The tree only finds the rows that may
    be among the nearest, ties and rounding included; their distances are computed from the given
    rows. With more than about ten columns a tree must compare most rows, and `ExactIndex` is
    faster.

    Parameters
    ----------
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance: Euclidean, or one minus the cosine of the angle.
    leafsize : int, default=32
        Largest number of rows that the tree compares one by one. It changes the speed only.
    n_jobs : int or None, default=None
        Number of threads. None means as many as the BLAS uses, -1 all processors that the process
        may use.

    Attributes
    ----------
    training_rows_ : ndarray of shape (n_samples, n_features)
        The training rows.
    row_norms_ : ndarray of shape (n_samples,) or None
        Their lengths, for ``metric="cosine"``.
    n_samples_fit_ : int
        Number of training rows.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    The tree holds float64 rows. It shares the memory of float64 training rows; for float32 rows it
    holds a copy twice as large. Equal rows are in the tree once, so duplicates make it smaller, not
    slower. A pickle does not hold the tree; loading builds it again.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.neighbors import KDTreeIndex
    >>> index = KDTreeIndex().fit(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))
    >>> index.query([[0.0, 1.0]], k=2).indices
    array([[0, 1]])
    >>> index.query_training(k=1).distances  # each row itself left out
    array([[5.],
           [5.],
           [5.]])
    """

    def __init__(
        self, *, metric: str = "euclidean", leafsize: int = 32, n_jobs: int | None = None
    ) -> None:
        self.metric = metric
        self.leafsize = leafsize
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        check_int(self, "leafsize", self.leafsize, 1)
        check_n_jobs(self)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in ("_tree", "_copies"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "training_rows_"):
            self._build()

    def _build(self) -> None:
        rows, lookup = self.training_rows_, self._lookup
        if self.row_norms_ is not None:
            rows = rows / self.row_norms_[:, np.newaxis]
            lookup = RowLookup(rows)
        self._copies = RowCopies(lookup.find(rows))
        largest = max(float(rows.max()), -float(rows.min()), float(np.finfo(np.float64).tiny))
        self._unit = safe_unit(largest, 128)
        points = self._scaled(rows if self._copies.single else rows[self._copies.firsts])
        # A tree by sliding midpoints takes half the time of one by medians, and answers as fast.
        self._tree = cKDTree(points, leafsize=self.leafsize, balanced_tree=False)

    def _scaled(self, rows: NDArray) -> NDArray[np.float64]:
        """Rows in a unit in which squares of training rows are safe; copied only if needed."""
        points = rows.astype(np.float64, copy=False)
        with np.errstate(over="ignore"):  # a query with an inf is not safe
            return points if self._unit == 1 else points / self._unit

    def _search(
        self,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> _Nearest:
        answers = []
        for part in slices(len(Q), _MAX_PAIRS, each=k + 2):
            search = _TreeSearch(
                self,
                Q[part],
                None if q_norms is None else q_norms[part],
                k,
                None if exclude is None else exclude[part],
            )
            answers.append(search.run())
        indices, distances = zip(*answers, strict=True)
        return np.concatenate(indices), np.concatenate(distances)


class _TreeSearch:
    """The search for a block of queries by the tree."""

    def __init__(
        self,
        index: KDTreeIndex,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> None:
        self.index, self.Q, self.k, self.exclude = index, Q, k, exclude
        self.norms = (
            None if q_norms is None or index.row_norms_ is None else (index.row_norms_, q_norms)
        )
        self.points = index._scaled(Q if q_norms is None else Q / q_norms[:, np.newaxis])
        self.safe = np.abs(self.points).max(axis=1) < _SAFE_LENGTH
        if not self.safe.all():
            self.points = np.where(self.safe[:, np.newaxis], self.points, 0.0)
        self.n_needed = k + (exclude is not None)
        self.workers = n_threads(index.n_jobs)

    def run(self) -> _Nearest:
        copies, tree = self.index._copies, self.index._tree
        n_fetched = min(self.n_needed + 1, tree.n)
        radii, points = tree.query(self.points, np.arange(1, n_fetched + 1), workers=self.workers)
        limit = self._limit(radii, points)
        settled = self.safe if n_fetched == tree.n else self.safe & (radii[:, -1] > limit)
        q_rows, columns = np.nonzero((radii <= limit[:, np.newaxis]) & settled[:, np.newaxis])
        pairs = copies.expand(q_rows, points[q_rows, columns], self.n_needed)
        indices = np.empty((len(self.Q), self.k), dtype=np.intp)
        distances = np.empty((len(self.Q), self.k))
        rows = np.flatnonzero(settled)
        indices[rows], distances[rows] = self._nearest(pairs, rows)
        for rows in self._parts(np.flatnonzero(~settled), limit):
            indices[rows], distances[rows] = self._nearest(self._within(rows, limit), rows)
        return indices, distances

    def _limit(self, radii: NDArray[np.float64], points: NDArray[np.intp]) -> NDArray[np.float64]:
        """Distance in the tree beyond which no row is among the nearest; inf for unsafe queries."""
        column = self.n_needed - 1
        if self.index._copies.single:
            reached = radii[:, column]
        else:
            n_rows = np.cumsum(np.minimum(self.index._copies.counts, self.n_needed)[points], axis=1)
            reached = radii[np.arange(len(radii)), (n_rows >= self.n_needed).argmax(axis=1)]
        # The tree and `pair_distances` each round a sum of squares.
        rounding = 4 * (self.Q.shape[1] + 8) * np.finfo(np.float64).eps
        return np.where(self.safe, reached * (1 + rounding) + _SMALLEST_DISTANCE, np.inf)

    def _parts(self, rows: NDArray[np.intp], limit: NDArray[np.float64]) -> list[NDArray[np.intp]]:
        """The queries in parts, each with few enough training rows within the limits."""
        if rows.size == 0:
            return []
        n_points = self.index._tree.query_ball_point(
            self.points[rows], limit[rows], return_length=True, workers=self.workers
        )
        most_copies = min(self.n_needed, self.index._copies.most)
        part = np.cumsum(n_points * most_copies) // _MAX_PAIRS
        return np.split(rows, np.flatnonzero(np.diff(part)) + 1)

    def _within(
        self, rows: NDArray[np.intp], limit: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of each query with all training rows within its limit, ties included."""
        within = self.index._tree.query_ball_point(
            self.points[rows], limit[rows], workers=self.workers
        )
        points = np.concatenate([np.asarray(part, dtype=np.intp) for part in within])
        q_rows = np.repeat(rows, [len(part) for part in within])
        return self.index._copies.expand(q_rows, points, self.n_needed)

    def _nearest(
        self, pairs: tuple[NDArray[np.intp], NDArray[np.intp]], rows: NDArray[np.intp]
    ) -> _Nearest:
        """The k nearest of the pairs, for these rows of the block."""
        q_rows, x_rows = pairs
        if self.exclude is not None:
            kept = x_rows != self.exclude[q_rows]
            q_rows, x_rows = q_rows[kept], x_rows[kept]
        distances = pair_distances(self.index.training_rows_, self.Q, x_rows, q_rows, self.norms)
        number = np.searchsorted(rows, q_rows)
        chosen = _nearest_if_in_order(number, x_rows, distances, len(rows), self.k)
        if chosen is None:
            chosen = _nearest_of_pairs(number, x_rows, distances, len(rows), self.k)
        return x_rows[chosen], distances[chosen]


def _nearest_if_in_order(
    q_rows: NDArray[np.intp],
    x_rows: NDArray[np.intp],
    distances: NDArray[np.float64],
    n_queries: int,
    k: int,
) -> NDArray[np.intp] | None:
    """The result of `_nearest_of_pairs` without a sort; None unless the pairs are in order."""
    step = np.diff(distances)
    in_order = (step > 0) | ((step == 0) & (np.diff(x_rows) > 0)) | (np.diff(q_rows) > 0)
    if not in_order.all():
        return None
    counts = np.bincount(q_rows, minlength=n_queries)
    return (np.cumsum(counts) - counts)[:, np.newaxis] + np.arange(k)


def _nearest_of_pairs(
    q_rows: NDArray[np.intp],
    x_rows: NDArray[np.intp],
    distances: NDArray[np.float64],
    n_queries: int,
    k: int,
) -> NDArray[np.intp]:
    """Positions of the k nearest pairs of each query, (n_queries, k), ascending.

    Ties are in the order of training. Every query must have at least k pairs.
    """
    order = np.lexsort((x_rows, distances, q_rows))
    counts = np.bincount(q_rows, minlength=n_queries)
    return order[(np.cumsum(counts) - counts)[:, np.newaxis] + np.arange(k)]
