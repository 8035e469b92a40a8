"""Kernel densities for training rows in several shards."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.kernel_density import log_density_of_sum
from ..neighbors.shards import Shard, ShardStages, first_equal

# Attributes that scoring does not need; they stay behind when the detector goes to a worker.
_LEFT_BEHIND = (
    *("index_", "algorithm", "training_rows_", "training_labels_"),
    *("training_scores_", "training_indices_"),
)


class KernelStages(ShardStages):
    """Each shard sums the kernels of its own rows, and the sums are added up."""

    def __init__(self, detector: Any) -> None:
        self.dtype, self.n_rows = detector.index_.training_rows_.dtype, len(detector.training_rows_)
        self.detector = copy.copy(detector)
        for name in _LEFT_BEHIND:
            vars(self.detector).pop(name, None)

    def ask(self, shard: Shard, Q: NDArray[Any]) -> NDArray[np.intp]:
        """The first row of the shard that equals each query."""
        Q, rounded = self.in_shards_type(Q)
        return shard.find_equal(Q, rounded=rounded)

    def merge(
        self,
        Q: NDArray[Any],  # noqa: ARG002
        exclude: NDArray[np.intp] | None,
        answers: Sequence[NDArray[np.intp]],
    ) -> NDArray[np.intp]:
        """The training row that is left out for each query, -1 for none."""
        return first_equal(answers) if exclude is None else exclude

    def fetch(self, shard: Shard, Q: NDArray[Any], merged: NDArray[np.intp]) -> NDArray[np.float64]:
        """Logarithms of the sums over the rows of the shard."""
        Q, _ = self.in_shards_type(Q)
        return self.detector._log_sums(Q, shard.rows, shard.within(merged))

    def score(
        self, Q: NDArray[Any], merged: NDArray[np.intp], fetched: Sequence[NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], int]:
        """The log density of all rows."""
        log_sum = np.logaddexp.reduce(np.stack(fetched), axis=0)
        counts = self.n_rows - (merged >= 0)
        return log_density_of_sum(log_sum, counts, Q.shape[1], self.detector.bandwidth_), 0
