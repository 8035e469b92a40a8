"""Distances by class Gaussians with one more row, each row left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.row_moments import RowMoments, pooled_moments, shrunk_covariance

_BLOCK_BYTES = 1 << 19  # of rows at a time: several such arrays stay in the cache
_WIDEST = 1e5  # ratio of the largest to the least eigenvalue that leaves ten digits
_FURTHEST = 1e5  # a squared distance of the new row, over n, likewise
_REMAINING = 1e-3  # of the spread along a row once it is left out, likewise
_EPS = float(np.finfo(np.float64).eps)


class _Estimate(NamedTuple):
    """Means and covariance that the new row is part of, along the eigenvectors."""

    means: NDArray[np.float64]
    counts: NDArray[np.intp]
    diagonal: NDArray[np.float64]
    """Of the covariance without its part along `way`."""
    way: NDArray[np.float64]
    factor: float
    """Of the outer product of `way` with itself in the covariance."""
    shrinkage: float
    n_varying: int


class RankOneGaussians:
    r"""Class Gaussians of rows, ready for one more row.

    With P the scatter of all rows about their class means, a new row z of class c makes it
    :math:`P + \tfrac{n_c}{n_c + 1} w w^\top`, with :math:`w = z - \mu_c`. In the eigenvectors of P
    the shrunk covariance without a row i is a diagonal matrix plus a multiple of
    :math:`w w^\top` and minus one of :math:`v_i v_i^\top` (see
    `skood.measures.left_out_mahalanobis_distance`). The Sherman-Morrison formula, used twice,
    inverts it: no new row needs a new decomposition.

    Parameters
    ----------
    moments : sequence of RowMoments
        Of each class.
    covariance : str
        The rule of the estimate.
    rows : ndarray of shape (n, d)
        All rows.
    codes : ndarray of int of shape (n,)
        Their classes.
    """

    def __init__(
        self,
        moments: Sequence[RowMoments],
        covariance: str,
        rows: NDArray[np.float64],
        codes: NDArray[np.intp],
    ) -> None:
        self.moments, self.covariance = list(moments), covariance
        self._codes = codes
        pooled = pooled_moments(self.moments)
        self._varying, self._unit = pooled.varying, pooled.scale
        if covariance != "empirical" and self._varying.any():
            # shrinking compares the columns with each other
            self._unit = np.full_like(pooled.scale, pooled.scale[self._varying].max())
        self._centre = np.mean([part.mean for part in self.moments], axis=0)
        self._eigenvalues, self._vectors = np.linalg.eigh(pooled.in_scale(self._unit).scatter)
        self._rows, self._codes = self._turned(rows), codes

    def distances(
        self, row: NDArray[np.float64], code: int, shrinkage: float | None = None
    ) -> tuple[NDArray[np.float64] | None, float | None]:
        """Distances of all rows and, last, of this one of this class from each class.

        Also the shrinkage, which is estimated again unless it is given. The distances are None
        where rounding would cost too many digits: where the covariance is nearly singular, where a
        column was constant before, or where the new row is very far away.
        """
        with np.errstate(all="ignore"):
            estimate = self._with(row, code, shrinkage)
            if estimate is None:
                return None, None
            squares = np.empty((len(self._rows) + 1, len(estimate.means)))
            for part in slices(len(self._rows), _BLOCK_BYTES, each=8 * len(row)):
                squares[part] = _left_out_squares(self._rows[part], self._codes[part], estimate)
            own = self._turned(row[np.newaxis])
            squares[-1:] = _left_out_squares(own, np.array([code]), estimate)
            lost = bool(np.isnan(squares).any())
            return None if lost else np.sqrt(squares), estimate.shrinkage

    def _with(
        self, row: NDArray[np.float64], code: int, shrinkage: float | None
    ) -> _Estimate | None:
        """The estimate with this row; None where the columns that vary are others."""
        moments = list(self.moments)
        moments[code] = moments[code].merged(RowMoments.of(row[np.newaxis]))
        pooled = pooled_moments(moments)
        if (pooled.varying != self._varying).any() or not self._varying.any():
            return None
        pooled, n_varying = pooled.in_scale(self._unit), int(self._varying.sum())
        _, shrinkage = shrunk_covariance(
            pooled, self.covariance, n_features=n_varying, shrinkage=shrinkage
        )
        counts = np.array([part.n for part in moments])
        kept = (1.0 - shrinkage) / pooled.n
        mean_variance = float(np.trace(pooled.scatter)) / pooled.n / n_varying
        return _Estimate(
            self._turned(np.stack([part.mean for part in moments])),
            counts,
            kept * self._eigenvalues + shrinkage * mean_variance,
            (row - self.moments[code].mean) / self._unit @ self._vectors,
            kept * float(counts[code] - 1) / float(counts[code]),
            shrinkage,
            n_varying,
        )

    def _turned(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return (rows - self._centre) / self._unit @ self._vectors


def _left_out_squares(
    rows: NDArray[np.float64], codes: NDArray[np.intp], estimate: _Estimate
) -> NDArray[np.float64]:
    """Squared distances of rows from each class, (m, n_classes), each row left out.

    NaN where too many digits are lost.
    """
    means, counts, diagonal, way, factor, shrinkage, n_varying = estimate
    n, n_own = int(counts.sum()), counts[codes]
    growth = n_own / np.maximum(n_own - 1, 1)
    v = rows - means[codes]
    lost = np.einsum("ij,ij->i", v, v) * growth * (shrinkage / (n * n_varying))
    remaining_diagonal = diagonal - lost[:, np.newaxis]
    least = remaining_diagonal.min(axis=1)
    weights = 1.0 / remaining_diagonal
    way_square = weights @ way**2
    reduction = factor / (1.0 + factor * way_square)
    weighted = weights * v
    along = weighted @ way
    own_square = np.einsum("ij,ij->i", weighted, v) - reduction * along**2
    a = np.where(n_own > 1, (1.0 - shrinkage) * growth / n, 0.0)
    remaining = np.maximum(1.0 - a * own_square, max(n, len(way)) * _EPS)
    squares = np.empty((len(rows), len(means)))
    for j, mean in enumerate(means if len(means) > 1 else ()):
        u = rows - mean
        direct = np.einsum("ij,ij,ij->i", weights, u, u)
        u_along = np.einsum("ij,ij,j->i", weights, u, way)
        mixed = np.einsum("ij,ij->i", weighted, u) - reduction * along * u_along
        squares[:, j] = direct - reduction * u_along**2 + a / remaining * mixed**2
    in_own = np.where(n_own > 1, growth**2 * own_square / remaining, np.inf)
    squares[np.arange(len(rows)), codes] = in_own
    precise = (least * _WIDEST > diagonal.max()) & (factor * way_square < _FURTHEST)
    precise &= 1.0 - a * own_square > _REMAINING
    return np.where(precise[:, np.newaxis], squares * ((n - 1) / n), np.nan)
