"""Scores by nearest neighbours over several shards of training rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neighbors import Neighbors
from ..neighbors.shards import (
    GatheredIndex,
    IndexOverShards,
    Shard,
    ShardAnswer,
    ShardStages,
    first_equal,
    merge_neighbors,
)
from ._training_rows import TrainingRows

# Attributes that scoring does not need; they stay behind when the detector goes to a worker.
_LEFT_BEHIND = ("index_", "algorithm", "training_labels_", "training_scores_", "training_indices_")


class NeighborStages(ShardStages):
    """A detector's measure over the k nearest rows of all shards: the method of that name."""

    def __init__(self, detector: Any, measure: str = "_score") -> None:
        self.detector = copy.copy(detector)
        for name in _LEFT_BEHIND:
            vars(self.detector).pop(name, None)
        self.measure = measure
        self.k = detector.n_neighbors_
        self.metric = detector.metric
        self.dtype = detector.index_.training_rows_.dtype
        self.fetches = detector._uses_neighbor_rows

    def ask(self, shard: Shard, Q: NDArray[Any]) -> ShardAnswer:
        """One row more than needed, because one may be left out."""
        Q, rounded = self.in_shards_type(Q)
        return shard.nearest(Q, self.k + 1, rounded=rounded)

    def merge(
        self,
        Q: NDArray[Any],  # noqa: ARG002
        exclude: NDArray[np.intp] | None,
        answers: Sequence[ShardAnswer],
    ) -> Neighbors:
        """The k nearest of all."""
        if exclude is None:
            exclude = first_equal([answer.equal for answer in answers])
        return merge_neighbors(answers, self.k, exclude, self.metric)

    def fetch(self, shard: Shard, Q: NDArray[Any], merged: Neighbors) -> NDArray[Any]:  # noqa: ARG002
        """The rows of the neighbours that lie in the shard."""
        return shard.take(np.unique(merged.indices))

    def score(
        self, Q: NDArray[Any], merged: Neighbors, fetched: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.float64], int]:
        """The measure, as the detector computes it with one index."""
        detector = self.detector
        if self.fetches:
            detector = copy.copy(detector)  # threads may share this one
            positions = np.unique(merged.indices)
            detector.index_ = GatheredIndex(positions, np.concatenate(fetched), self.metric)
        return getattr(detector, self.measure)(self.in_shards_type(Q)[0], merged)


class TrainingRowsInShards(TrainingRows):
    """Training rows in several shards; those at `rows` set the threshold."""

    def __init__(self, detector: Any, rows: NDArray[np.intp]) -> None:
        self.detector = detector
        self.rows = rows
        self._index: IndexOverShards = detector.index_

    def neighbors(self) -> Neighbors:
        """The neighbours of all training rows."""
        return self._index.query_training(self.detector.n_neighbors_)

    def measured(self, measure: str) -> NDArray[np.float64]:
        """A measure of all training rows; `measure` names the method of the detector."""
        return self._index.run_training(NeighborStages(self.detector, measure))

    def scores(self) -> tuple[NDArray[np.float64], int]:
        """Scores of the rows that set the threshold, and the number of searches that failed."""
        rows = self._index.training_rows_[self.rows]
        return self._index.run(NeighborStages(self.detector), rows, self.rows)
