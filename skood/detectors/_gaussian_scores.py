"""Scores of rows by class Gaussians; a row that equals a training row is left out of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..explanation import LinearMap
from ..measures.blocks import slices
from ..rows.fingerprints import RowFingerprints
from ._gaussian_explanation import explain_by_gaussians
from ._row_scaling import RowScaling
from .class_gaussians import ClassGaussians

_BLOCK_BYTES = 1 << 23  # of rows in float64 and their distances at a time


class GaussianScores(NamedTuple):
    """Fitted Gaussians, and the means to recognise training rows."""

    gaussians: ClassGaussians
    background: ClassGaussians | None  # of all rows as one class, for relative distances
    fingerprints: RowFingerprints
    row_classes: NDArray  # of each training row, its position among the classes
    scaling: RowScaling

    def of(self, X: NDArray, rounded: bool = False) -> NDArray[np.float64]:
        """Scores of checked rows, which another float type may have rounded."""
        return np.concatenate([self._of_block(*block) for block in self._blocks(X, rounded)])

    def of_moved(self, X: NDArray, moved: NDArray, rounded: bool = False) -> NDArray[np.float64]:
        """Scores of rows that X was moved to; the training rows that X equals are left out."""
        scores, start = [], 0
        for rows, own_class in self._blocks(X, rounded):
            points = self.scaling.scaled(moved[start : start + len(rows)])
            scores.append(self._of_block(rows, own_class, points))
            start += len(rows)
        return np.concatenate(scores)

    def shares(
        self, X: NDArray, linear_map: LinearMap | None, rounded: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Each feature's share in the score of each row, and the position of the nearest class."""
        parts = [
            explain_by_gaussians(self.gaussians, self.background, *block, linear_map)
            for block in self._blocks(X, rounded)
        ]
        shares, nearest = zip(*parts, strict=True)
        return np.concatenate(shares), np.concatenate(nearest)

    def _blocks(
        self, X: NDArray, rounded: bool
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
        """Rows ready for the distances, and the class of the equal training row, else -1."""
        lengths = self.scaling.lengths(X)
        row_bytes = 8 * (X.shape[1] + len(self.gaussians.location))
        for part in slices(len(X), _BLOCK_BYTES, each=row_bytes):
            equal = self.fingerprints.find(X[part], rounded=rounded)
            own_class = np.where(equal >= 0, self.row_classes[equal].astype(np.intp), -1)
            rows = self.scaling.scaled(X[part], None if lengths is None else lengths[part])
            yield rows, own_class

    def _of_block(
        self,
        rows: NDArray[np.float64],
        own_class: NDArray[np.intp],
        at: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        overall = None
        if self.background is not None:
            overall = self.background.distances(rows, np.minimum(own_class, 0), at)
        return scores_of_distances(self.gaussians.distances(rows, own_class, at), overall)


def scores_of_distances(
    distances: NDArray[np.float64], overall: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Scores by the distances from each class and, if relative to it, from the background."""
    nearest = distances.min(axis=1)
    if overall is None:
        return -nearest
    with np.errstate(over="ignore"):
        difference = (overall[:, 0] - nearest) * (overall[:, 0] + nearest)
    largest = np.finfo(np.float64).max
    return np.clip(difference, -largest, largest)
