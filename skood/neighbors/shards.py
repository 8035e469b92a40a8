"""Training rows in several shards, each with an index: questions to a shard, and merged answers.

A row is scored over all shards in four stages:

1. `ask` each shard,
2. `merge` the answers,
3. `fetch` from each shard what the merged answer needs,
4. `score` the row.

All of them are plain functions of arrays. `skood.parallel` runs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from .._validation import check_new_rows
from ..measures.lengths import row_norms
from ._neighbors import Neighbors
from .contract import NeighborIndex


class ShardAnswer(NamedTuple):
    """The answer of a shard to m queries."""

    indices: NDArray[np.intp]
    """(m, c): positions of its nearest rows among all training rows; c is at most `n_wanted`."""
    distances: NDArray[np.float64]
    """(m, c): Euclidean distances, also for the cosine, as `NeighborIndex._search` gives them."""
    equal: NDArray[np.intp]
    """(m,): position of its first row that equals the query, -1 for none."""


@dataclass(frozen=True)
class Shard:
    """Consecutive training rows, the first of which is at `start` among all training rows."""

    start: int
    index: NeighborIndex

    def __len__(self) -> int:
        return self.index.n_samples_fit_

    @property
    def rows(self) -> NDArray[Any]:
        """The rows of the shard."""
        return self.index.training_rows_

    def nearest(self, Q: NDArray[Any], n_wanted: int, *, rounded: bool = False) -> ShardAnswer:
        """The `n_wanted` nearest rows of the shard, or all if it has fewer."""
        index, n_asked = self.index, min(n_wanted, len(self))
        indices, distances = index._search(Q, index.norms(Q), n_asked, None)
        return ShardAnswer(indices + self.start, distances, self.find_equal(Q, rounded=rounded))

    def find_equal(self, Q: NDArray[Any], *, rounded: bool = False) -> NDArray[np.intp]:
        """Position of the first equal row of the shard among all training rows, -1 for none."""
        equal = self.index.find_equal(Q, rounded=rounded)
        return np.where(equal >= 0, equal + self.start, -1)

    def within(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """Positions within the shard, -1 for rows of other shards (and for -1)."""
        inside = (positions >= self.start) & (positions < self.start + len(self))
        return np.where(inside, positions - self.start, -1)

    def take(self, positions: NDArray[np.intp]) -> NDArray[Any]:
        """The rows of the shard at these positions, in their order; rows elsewhere are skipped."""
        inside = self.within(positions)
        return self.rows.take(inside[inside >= 0], axis=0)


def first_equal(of_shards: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """The first of the shards' positions for each query, -1 if no shard has a position."""
    positions = np.stack(of_shards)
    first = np.where(positions >= 0, positions, np.iinfo(np.intp).max).min(axis=0)
    return np.where(first < np.iinfo(np.intp).max, first, -1)


def merge_neighbors(
    answers: Sequence[ShardAnswer], k: int, exclude: NDArray[np.intp], metric: str
) -> Neighbors:
    """The k nearest rows of all shards' answers, as one index over all rows finds them.

    Each shard returned k + 1 rows, because the training row at the position in `exclude` (-1 for
    none) is dropped from a query's neighbours.
    """
    indices = np.concatenate([answer.indices for answer in answers], axis=1)
    distances = np.concatenate([answer.distances for answer in answers], axis=1)
    order = np.lexsort((indices, distances), axis=1)[:, : k + 1]  # ties in the order of training
    indices = np.take_along_axis(indices, order, axis=1)
    distances = np.take_along_axis(distances, order, axis=1)
    kept = indices != exclude[:, np.newaxis]
    full = kept.all(axis=1) & (kept.shape[1] > k)
    kept[full, -1] = False  # no row to leave out among the nearest: drop the last row
    indices, distances = indices[kept].reshape(-1, k), distances[kept].reshape(-1, k)
    return Neighbors(indices, distances if metric == "euclidean" else 0.5 * distances**2)


class GatheredRows:
    """Some of the training rows, found by their positions among all training rows."""

    def __init__(self, positions: NDArray[np.intp], rows: NDArray[Any]) -> None:
        self.positions = positions  # ascending
        self.rows = rows

    def take(self, positions: NDArray[np.intp], axis: int = 0) -> NDArray[Any]:
        """The rows at these positions."""
        return self.rows.take(np.searchsorted(self.positions, positions), axis=axis)

    __getitem__ = take


class GatheredIndex:
    """The part of an index that `_score` of a detector needs once the neighbours are found."""

    def __init__(self, positions: NDArray[np.intp], rows: NDArray[Any], metric: str) -> None:
        self.metric = metric
        self.training_rows_ = GatheredRows(positions, rows)
        norms = self.norms(rows)
        self.row_norms_ = None if norms is None else GatheredRows(positions, norms)

    def norms(self, rows: NDArray[Any]) -> NDArray[np.float64] | None:
        """Lengths of rows, for the cosine. The search has checked that none is 0."""
        return row_norms(rows) if self.metric == "cosine" else None


class ShardStages(ABC):
    """The stages of scoring over shards, with a detector's fitted state except the shards."""

    # Whether the merged answers need anything more from the shards.
    fetches = True
    detector: Any
    dtype: np.dtype  # of the training rows

    def checked(self, X: Any) -> NDArray[Any]:
        """The rows, still in another float type if they came so; raises for invalid rows."""
        rows, given = check_new_rows(self.detector, X, self.dtype), getattr(X, "dtype", None)
        return rows.astype(given, copy=False) if given in (np.float32, np.float64) else rows

    def in_shards_type(self, Q: NDArray[Any]) -> tuple[NDArray[Any], bool]:
        """Checked rows in the training rows' type, and whether another type has rounded them."""
        return Q.astype(self.dtype, copy=False), Q.dtype != self.dtype

    @abstractmethod
    def ask(self, shard: Shard, Q: NDArray[Any]) -> Any:
        """The shard's answer to the queries."""

    @abstractmethod
    def merge(
        self, Q: NDArray[Any], exclude: NDArray[np.intp] | None, answers: Sequence[Any]
    ) -> Any:
        """The merged answers of all shards.

        `exclude` has the position of the training row that each query is; None if it is not known.
        """

    @abstractmethod
    def fetch(self, shard: Shard, Q: NDArray[Any], merged: Any) -> Any:
        """The values of the shard that the merged answer needs."""

    @abstractmethod
    def score(
        self, Q: NDArray[Any], merged: Any, fetched: Sequence[Any]
    ) -> tuple[NDArray[np.float64], int]:
        """Scores, and the number of rows whose search did not converge."""


class IndexOverShards(NeighborIndex):
    """Base of indexes whose training rows are in several shards, possibly on other machines."""

    @abstractmethod
    def check_rows(self, owner: BaseEstimator, X: Any) -> Any:
        """The checked training rows of a detector, not loaded. Sets its width and column names."""

    @abstractmethod
    def run(
        self, stages: ShardStages, Q: NDArray[Any], exclude: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.float64], int]:
        """Scores of checked rows over all shards, and the number that did not converge."""

    @abstractmethod
    def run_training(self, stages: ShardStages) -> NDArray[np.float64]:
        """Scores of all training rows, each row itself left out."""


def is_over_shards(index: Any) -> TypeGuard[IndexOverShards]:
    """Whether an index (or the parameter `algorithm`) keeps its training rows in several shards."""
    return isinstance(index, IndexOverShards)
