"""Neighbours of training rows, updated when training rows are added."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neighbors import ExactIndex, Neighbors


class KnownNeighbors(NamedTuple):
    """For some of the first `n_rows` training rows, their nearest among these."""

    n_rows: int
    rows: NDArray[np.intp]
    """(m,): positions, ascending."""
    neighbors: Neighbors
    """(m, k)"""


def updated_neighbors(
    index: ExactIndex, k: int, rows: NDArray[np.intp], known: KnownNeighbors | None
) -> KnownNeighbors:
    """Neighbours of training rows; for some, the neighbours among the earlier rows are known.

    For these only the new rows are searched. The result is the same, and the cost grows with the
    number of new rows, not of all rows.
    """
    n = index.n_samples_fit_
    if known is None or known.neighbors.indices.shape[1] != k:
        return KnownNeighbors(n, rows, index.query_training(k, rows))
    indices = np.empty((len(rows), k), dtype=np.intp)
    distances = np.empty((len(rows), k))
    place = np.minimum(np.searchsorted(known.rows, rows), len(known.rows) - 1)
    old = known.rows[place] == rows
    if old.any():
        before = Neighbors(*(part[place[old]] for part in known.neighbors))
        merged = _merged(index, known.n_rows, rows[old], before)
        indices[old], distances[old] = merged
    if not old.all():
        indices[~old], distances[~old] = index.query_training(k, rows[~old])
    return KnownNeighbors(n, rows, Neighbors(indices, distances))


def _merged(
    index: ExactIndex, n_before: int, rows: NDArray[np.intp], before: Neighbors
) -> Neighbors:
    """The nearest of those known and of the rows from `n_before` on."""
    added = index.training_rows_[n_before : index.n_samples_fit_]
    k = before.indices.shape[1]
    part = ExactIndex(metric=index.metric, device=index.device, n_jobs=index.n_jobs).fit(added)
    among_added = part.answer(index.training_rows_[rows], min(k, len(added)), None)
    indices = np.hstack([before.indices, among_added.indices + n_before])
    distances = np.hstack([before.distances, among_added.distances])
    # Both parts are in order, and of equal distances the earlier rows stand first.
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbors(
        np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1)
    )
