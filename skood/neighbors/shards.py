"""Training rows in several parts, each with an index of its own: what is asked and what is merged.

A row is scored over all shards in four stages:

1. `ask` each shard,
2. `merge` the answers,
3. `fetch` from each shard what only the merged answer asks for,
4. `score` the row.

All of them are plain functions of arrays. Who runs them, and where, `skood.parallel` knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ..measures.lengths import row_norms
from ._neighbors import Neighbors
from .contract import NeighborIndex


class ShardAnswer(NamedTuple):
    """What one shard says of m queries."""

    indices: NDArray[np.intp]
    """(m, c): positions among all training rows of its nearest rows, c at most as asked for."""
    distances: NDArray[np.float64]
    """(m, c): Euclidean distances, also for the cosine, as `NeighborIndex._search` gives them."""
    equal: NDArray[np.intp]
    """(m,): position of its first row that equals the query, -1 for none."""


@dataclass(frozen=True)
class Shard:
    """Some consecutive training rows: the first of them is at `start` among all."""

    start: int
    index: NeighborIndex

    def __len__(self) -> int:
        return self.index.n_samples_fit_

    @property
    def rows(self) -> NDArray:
        """The rows of the shard."""
        return self.index.training_rows_

    def nearest(self, Q: NDArray, n_wanted: int) -> ShardAnswer:
        """The nearest rows of the shard, as many as are wanted or as there are."""
        index, n_asked = self.index, min(n_wanted, len(self))
        indices, distances = index._search(Q, index.norms(Q), n_asked, None)
        return ShardAnswer(indices + self.start, distances, self.find_equal(Q))

    def find_equal(self, Q: NDArray) -> NDArray[np.intp]:
        """Position among all training rows of the first equal one in the shard, -1 for none."""
        equal = self.index.find_equal(Q)
        return np.where(equal >= 0, equal + self.start, -1)

    def own(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """Positions within the shard, -1 for rows of other shards (and for -1)."""
        inside = (positions >= self.start) & (positions < self.start + len(self))
        return np.where(inside, positions - self.start, -1)

    def take(self, positions: NDArray[np.intp]) -> NDArray:
        """Those of the rows at the given positions that the shard has, in the order given."""
        own = self.own(positions)
        return self.rows.take(own[own >= 0], axis=0)


def first_equal(found: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """The first of the positions that the shards have found for each query, -1 where none has."""
    positions = np.stack(found)
    first = np.where(positions >= 0, positions, np.iinfo(np.intp).max).min(axis=0)
    return np.where(first < np.iinfo(np.intp).max, first, -1)


def merge_neighbors(
    answers: Sequence[ShardAnswer], k: int, exclude: NDArray[np.intp], metric: str
) -> Neighbors:
    """The k nearest of what the shards have found, as one index over all rows finds them.

    Each shard has been asked for one row more than k, since the training row that `exclude` names
    for each query (-1 for none) is dropped.
    """
    indices = np.concatenate([answer.indices for answer in answers], axis=1)
    distances = np.concatenate([answer.distances for answer in answers], axis=1)
    order = np.lexsort((indices, distances), axis=1)[:, : k + 1]  # ties in the order of training
    indices = np.take_along_axis(indices, order, axis=1)
    distances = np.take_along_axis(distances, order, axis=1)
    kept = indices != exclude[:, np.newaxis]
    full = kept.all(axis=1) & (kept.shape[1] > k)
    kept[full, -1] = False  # nothing to leave out among the nearest: the last is one too many
    indices, distances = indices[kept].reshape(-1, k), distances[kept].reshape(-1, k)
    return Neighbors(indices, distances if metric == "euclidean" else 0.5 * distances**2)


class GatheredRows:
    """Rows by their positions among all training rows, of which only some are at hand."""

    def __init__(self, positions: NDArray[np.intp], rows: NDArray) -> None:
        self.positions = positions  # ascending
        self.rows = rows

    def take(self, positions: NDArray[np.intp], axis: int = 0) -> NDArray:
        """The rows at these positions."""
        return self.rows.take(np.searchsorted(self.positions, positions), axis=axis)

    __getitem__ = take


class GatheredIndex:
    """What `_score` of a detector asks of its index, where neighbours have been found already."""

    def __init__(self, positions: NDArray[np.intp], rows: NDArray, metric: str) -> None:
        self.metric = metric
        self.training_rows_ = GatheredRows(positions, rows)
        norms = self.norms(rows)
        self.row_norms_ = None if norms is None else GatheredRows(positions, norms)

    def norms(self, rows: NDArray) -> NDArray[np.float64] | None:
        """Lengths of rows, for the cosine; that none is 0 the search has checked."""
        return row_norms(rows) if self.metric == "cosine" else None


class ShardStages(ABC):
    """How a detector scores rows over shards; it holds the fitted state but for the shards."""

    # Whether anything is fetched from the shards once the answers are merged.
    fetches = True

    @abstractmethod
    def checked(self, X: Any) -> NDArray:
        """Rows as the detector takes them, or its error."""

    @abstractmethod
    def ask(self, shard: Shard, Q: NDArray) -> Any:
        """What the shard has to say of the queries."""

    @abstractmethod
    def merge(self, Q: NDArray, exclude: NDArray[np.intp] | None, answers: Sequence[Any]) -> Any:
        """What all shards have to say.

        `exclude` names the training row that each query is; None where that has to be found out.
        """

    @abstractmethod
    def fetch(self, shard: Shard, Q: NDArray, merged: Any) -> Any:
        """What the shard has to add, once the answers are merged."""

    @abstractmethod
    def score(
        self, Q: NDArray, merged: Any, fetched: Sequence[Any]
    ) -> tuple[NDArray[np.float64], int]:
        """Scores, and for how many rows a search did not converge."""


class IndexOverShards(NeighborIndex):
    """Base of indexes whose training rows lie in several shards, maybe on other machines."""

    @abstractmethod
    def check_rows(self, owner: BaseEstimator, X: Any) -> Any:
        """The training rows of a detector, checked and not loaded; its width and names are set."""

    @abstractmethod
    def run(
        self, stages: ShardStages, Q: NDArray, exclude: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.float64], int]:
        """Scores of checked rows over all shards, and how many did not converge."""

    @abstractmethod
    def run_training(self, stages: ShardStages) -> NDArray[np.float64]:
        """Scores of all training rows, each with itself left out."""


def is_over_shards(index: Any) -> TypeGuard[IndexOverShards]:
    """Whether an index (or the parameter `algorithm`) keeps its training rows in several shards."""
    return isinstance(index, IndexOverShards)
