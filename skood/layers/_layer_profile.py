"""One score from the distances in all layers, compared with those of training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.knn import knn_distance
from ..neighbors import ExactIndex, KDTreeIndex, NeighborIndex
from ..neighbors.index_choice import is_for_a_tree
from ..rows.fingerprints import RowFingerprints
from .inputs import RawInputs

_BLOCK_VALUES = 1 << 20
_SMALLEST = 1e-6  # of the median: a distance below counts as this, since 0 has no logarithm
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class LayerProfile:
    """Minus the mean distance to the nearest training rows, among the logarithms of distances."""

    index: NeighborIndex
    floor: NDArray[np.float64]
    n_neighbors: int
    fingerprints: RowFingerprints
    dtype: np.dtype
    distances: NDArray[np.float64]  # of the training rows, for further ones

    @classmethod
    def fit(cls, distances: NDArray[np.float64], inputs: RawInputs, n_neighbors: int) -> Self:
        """Store the training rows: their distances in the layers, and their fingerprints."""
        rows = inputs.values.reshape(len(inputs), -1)
        return cls(*_index_of(distances), n_neighbors, RowFingerprints(rows), rows.dtype, distances)

    def extended(
        self, distances: NDArray[np.float64], inputs: RawInputs, n_neighbors: int
    ) -> LayerProfile:
        """The profile with further training rows, by their distances."""
        distances = np.concatenate([self.distances, distances])
        rows = inputs.values.reshape(len(inputs), -1).astype(self.dtype, copy=False)
        fingerprints = self.fingerprints.extended(rows)
        index, floor = _index_of(distances)
        return LayerProfile(index, floor, n_neighbors, fingerprints, self.dtype, distances)

    def training_scores(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Scores of training rows, each with itself left out."""
        return -knn_distance(self.index.query_training(self.n_neighbors, rows).distances)

    def scores(self, distances: NDArray[np.float64], inputs: RawInputs) -> NDArray[np.float64]:
        """Scores of rows; for a row that equals a training row, one equal copy is left out."""
        scores = np.empty(len(distances))
        for part in slices(len(distances), _BLOCK_VALUES, each=inputs.width):
            profile = np.log(np.maximum(distances[part], self.floor))
            equal = self._equal(inputs.values[part], inputs.rounded)
            neighbors = self.index.answer(profile, self.n_neighbors, equal)
            scores[part] = -knn_distance(neighbors.distances)
        return scores

    def _equal(self, values: NDArray, rounded: bool) -> NDArray[np.intp]:
        """Position of a training row that equals each row, -1 if there is none."""
        rows = values.reshape(len(values), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            cast = rows.astype(self.dtype, copy=False)
        rounded = rounded or (rows.dtype.kind == "f" and cast is not rows)
        equal = self.fingerprints.find(cast, rounded=rounded)
        if self.dtype.kind not in "f" and cast is not rows:
            equal[(cast != rows).any(axis=1)] = -1  # a fraction was cut off
        return equal


def _index_of(distances: NDArray[np.float64]) -> tuple[NeighborIndex, NDArray[np.float64]]:
    """The index of the logarithms of distances, and the least distance in each layer."""
    floor = np.array([_floor(column) for column in distances.T])
    make = KDTreeIndex if is_for_a_tree(distances.shape[1]) else ExactIndex
    return make().fit(np.log(np.maximum(distances, floor))), floor


def _floor(distances: NDArray[np.float64]) -> float:
    nonzero = distances[distances > 0]
    return max(_SMALLEST * float(np.median(nonzero)), _TINY) if nonzero.size else _TINY
