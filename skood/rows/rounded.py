"""Finds the training row that equals a row up to the rounding of another float type."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..measures.blocks import slices

_BLOCK_VALUES = 1 << 20
_DIRECTIONS = 3
_NEIGHBORS = 11
# A row is a training row if it is nearer to that than this share of the distance to its eleventh
# neighbour. By chance a row of two columns is so near in one of 6,000 cases, and one of three in
# one of a million. In a single column the share is smaller: one in 400.
_SHARE, _SHARE_OF_ONE_COLUMN = 2.0**-8, 2.0**-12
# Of the usual length of a row: this counts as rounding wherever the neighbours are.
_ROUNDING = 2.0**-22


def is_rounded(X: Any, dtype: np.dtype) -> bool:
    """Whether rows come in another float type than the training rows, in one column or in all.

    Whole numbers are exact in float64.
    """
    given = getattr(X, "dtype", "")
    if given == dtype:
        return False
    # The types of a frame; those of a series are a single type.
    kinds = getattr(X, "dtypes", given) if getattr(X, "ndim", 2) > 1 else given
    names = {str(kind).lower() for kind in ([kinds] if kinds is given else kinds)}
    if dtype == np.float32:
        return not all(name.endswith("float32") for name in names)
    return any(name.endswith(("float32", "float16")) for name in names)


def restored(Q: Any, training_rows: Any, positions: NDArray[np.intp]) -> Any:
    """Rows, with the training rows at these positions in place of rounded ones; -1 for others."""
    known = positions >= 0
    if not known.any():
        return Q
    rows = np.array(Q)
    rows[known] = training_rows.take(positions[known], axis=0)
    return rows


class RoundedRows:
    """Positions of training rows by their coordinates in three random directions.

    A transformer in another float type moves a row by more than the last digit: scaling a column
    whose mean is 1000 standard deviations takes three digits. So no rounding of the values makes
    the rows equal again. But two different rows are rarely as near as a row and its rounded copy.
    """

    def __init__(self, X: Any) -> None:
        self.points = _points(X)

    def merged(self, added: RoundedRows) -> RoundedRows:
        """These rows, and the rows of `added` after them."""
        other = object.__new__(RoundedRows)
        other.points = np.concatenate([self.points, added.points])
        return other

    def find(self, Q: Any) -> NDArray[np.intp]:
        """Position of the training row that equals each row of Q up to rounding, -1 for none."""
        if not hasattr(self, "_tree"):
            self._least = _ROUNDING * float(np.median(np.abs(self.points).max(axis=1)))
            self._tree = cKDTree(self.points, balanced_tree=False)
        n = len(self.points)
        numbers = np.arange(1, min(_NEIGHBORS, n) + 1)
        distances, positions = self._tree.query(_points(Q), numbers, p=np.inf)
        share = _SHARE_OF_ONE_COLUMN if Q.shape[1] == 1 else _SHARE
        limits = np.maximum(share * distances[:, -1], self._least)
        # the first of equal rows
        equal = distances <= np.minimum(limits, distances[:, 0] * (1 + 1e-9))[:, np.newaxis]
        first = np.where(equal, positions, n).min(axis=1)
        return np.where(first < n, first, -1).astype(np.intp)

    def __getstate__(self) -> dict[str, Any]:
        return {"points": self.points}


def _points(X: Any) -> NDArray[np.float64]:
    """Coordinates of rows, (n, 3): an array, or slices that are arrays."""
    directions = random_directions(X.shape[1])
    points = np.empty((len(X), _DIRECTIONS))
    with np.errstate(over="ignore", invalid="ignore"):
        for part in slices(len(X), _BLOCK_VALUES, each=X.shape[1]):
            points[part] = np.asarray(X[part], dtype=np.float64) @ directions
    return np.nan_to_num(points)


@cache
def random_directions(d: int) -> NDArray[np.float64]:
    """The directions of the coordinates, (d, 3): the same in every process."""
    directions = np.random.default_rng(0).normal(size=(d, _DIRECTIONS))
    directions.flags.writeable = False
    return directions
