r"""Sums over rows from which a mean and a covariance, plain or shrunk, are made.

Besides the covariance, the shrinkage of Ledoit and Wolf needs the sum of the fourth powers of the
rows' distances from their mean. The mean moves as rows come in. With y the difference of a row from
the old mean, and s the way from the old mean to the new mean,

.. math::
    \|y - s\|^4 = \bigl(\|y\|^2 - 2 s^\top y + \|s\|^2\bigr)^2,

so its sum over the rows follows from the sums of :math:`y y^\top`, :math:`\|y\|^2 y` and
:math:`\|y\|^4` about the old mean. Nothing else is kept, and nothing is approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .blocks import slices
from .powers_of_two import power_of_two

RULES = ("ledoit_wolf", "oas", "empirical")
_BLOCK_BYTES = 1 << 23
_TINY = 2.0**-1000


def mean_row(rows: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of rows in float64; where a column does not vary, exactly its value."""
    first = rows[0].astype(np.float64)
    return first + np.subtract(rows, first, dtype=np.float64).mean(axis=0)


@dataclass(frozen=True)
class RowMoments:
    """Number, mean, range and central sums of rows; those of two sets of rows can be merged.

    All sums are of differences z from the mean in units of `scale`, a power of two for each column,
    so that neither values of 1e-150 nor of 1e150 leave the range of float64. Lengths are in units
    of the largest scale.
    """

    n: int
    mean: NDArray[np.float64]
    """(d,). The mean of a constant column is exactly its value."""
    low: NDArray[np.float64]
    """(d,): the least value of each column."""
    high: NDArray[np.float64]
    """(d,): the largest value of each column."""
    scale: NDArray[np.float64]
    """(d,)"""
    scatter: NDArray[np.float64]
    """(d, d): the sum of the outer products of z with itself."""
    cubic: NDArray[np.float64]
    """(d,): the sum of z times its squared length."""
    quartic: float
    """The sum of the squares of the squared lengths."""

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Self:
        """The moments of one or more rows in memory."""
        mean = mean_row(rows)
        z = rows - mean
        scale = power_of_two(np.abs(z).max(axis=0), of_zero=_TINY)
        z /= scale
        weights = scale / scale.max()
        squares = np.einsum("ij,ij,j->i", z, z, weights**2)
        low, high = rows.min(axis=0), rows.max(axis=0)
        quartic = float(squares @ squares)
        return cls(len(rows), mean, low, high, scale, z.T @ z, squares @ z, quartic)

    def merged(self, other: RowMoments) -> RowMoments:
        """The moments of both sets of rows together."""
        n = self.n + other.n
        way = other.mean - self.mean
        mean = self.mean + way * (other.n / n)
        way_scale = power_of_two(np.abs(way), of_zero=_TINY)
        scale = np.maximum(np.maximum(self.scale, other.scale), way_scale)
        a = self._about(mean, scale)
        b = other._about(mean, scale)
        return RowMoments(
            n,
            mean,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            scale,
            a.scatter + b.scatter,
            a.cubic + b.cubic,
            a.quartic + b.quartic,
        )

    def in_scale(self, scale: NDArray[np.float64]) -> RowMoments:
        """The same moments in other units, powers of two as well."""
        factor, square = self.scale / scale, (self.scale.max() / scale.max()) ** 2
        return replace(
            self,
            scale=scale,
            scatter=self.scatter * factor * factor[:, np.newaxis],
            cubic=self.cubic * factor * square,
            quartic=float(self.quartic * square**2),
        )

    def _about(self, point: NDArray[np.float64], scale: NDArray[np.float64]) -> RowMoments:
        """The sums of differences from a point other than the mean."""
        moments = self.in_scale(scale)
        way = (point - self.mean) / scale
        if not way.any():
            return moments
        weights = (scale / scale.max()) ** 2
        along = weights * way
        length = float(along @ way)  # squared
        total = float(weights @ moments.scatter.diagonal())
        moved = moments.scatter @ along
        return replace(
            moments,
            scatter=moments.scatter + self.n * np.outer(way, way),
            cubic=moments.cubic - 2.0 * moved - way * (total + self.n * length),
            quartic=moments.quartic
            + 4.0 * float(along @ moved)
            + self.n * length**2
            - 4.0 * float(along @ moments.cubic)
            + 2.0 * length * total,
        )

    @property
    def varying(self) -> NDArray[np.bool_]:
        """(d,): which columns have more than one value."""
        return self.low < self.high


def moments_of_rows(rows: Any) -> RowMoments:
    """The moments of rows of any float type, taken block by block.

    They depend on the blocks only by rounding. `rows` may have a shape and slices alone.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures.row_moments import moments_of_rows
    >>> moments = moments_of_rows(np.array([[1.0], [3.0]]))
    >>> moments.merged(moments_of_rows(np.array([[8.0]]))).mean
    array([4.])
    """
    blocks = (rows[part] for part in slices(rows.shape[0], _BLOCK_BYTES, each=8 * rows.shape[1]))
    moments = (RowMoments.of(block.astype(np.float64, copy=False)) for block in blocks)
    return reduce(RowMoments.merged, moments)


def pooled_moments(classes: Sequence[RowMoments]) -> RowMoments:
    """The moments of the rows' differences from the means of their own classes."""
    scale = np.max([moments.scale for moments in classes], axis=0)
    parts = [moments.in_scale(scale) for moments in classes]
    return RowMoments(
        sum(part.n for part in parts),
        np.zeros_like(scale),
        np.min([part.low - part.mean for part in parts], axis=0),
        np.max([part.high - part.mean for part in parts], axis=0),
        scale,
        sum((part.scatter for part in parts), np.zeros((len(scale), len(scale)))),
        sum((part.cubic for part in parts), np.zeros_like(scale)),
        float(sum(part.quartic for part in parts)),
    )


def shrunk_covariance(
    moments: RowMoments,
    rule: str,
    *,
    n_features: int | None = None,
    shrinkage: float | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Covariance about the mean in the moments' units, and its share of the mean variance.

    The moments have one unit for all columns, unless `rule` is "empirical". The results equal those
    of scikit-learn's estimators of the rules' names. `n_features` is the number of columns that
    share the mean variance; the others do not vary. A `shrinkage` that is given counts in place of
    the rule's.

    References
    ----------
    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices,
    equation 14. Chen, Wiesel, Eldar and Hero (2010), Shrinkage algorithms for MMSE covariance
    estimation, equation 23, as in scikit-learn.
    """
    d = n_features or len(moments.mean)
    covariance = moments.scatter / moments.n
    mean_variance = float(np.trace(covariance)) / d
    square = float((covariance**2).sum())
    if rule == "empirical" or d == 1:
        return covariance, 0.0
    if shrinkage is not None:
        pass
    elif rule == "oas":
        spread = (moments.n + 1) * (square - d * mean_variance**2)
        share = square + (d * mean_variance) ** 2
        shrinkage = 1.0 if spread == 0 else min(share / spread, 1.0)
    else:
        spread = square - d * mean_variance**2
        noise = min((moments.quartic / moments.n - square) / moments.n, spread)
        shrinkage = 0.0 if noise <= 0 else noise / spread
    covariance *= 1.0 - shrinkage
    covariance.flat[:: len(covariance) + 1] += shrinkage * mean_variance
    return covariance, shrinkage
