"""Normal distributions of classes that share one covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import (
    OAS,
    EmpiricalCovariance,
    LedoitWolf,
    MinCovDet,
    ShrunkCovariance,
)

from ..measures.mahalanobis import (
    left_out_mahalanobis_distance,
    mahalanobis_distance,
    whitening_matrix,
)
from ..measures.mahalanobis_shares import (
    left_out_mahalanobis_share_factors,
    mahalanobis_share_factors,
)
from ..measures.powers_of_two import power_of_two
from ..measures.row_moments import RowMoments, mean_row, pooled_moments, shrunk_covariance
from ..measures.shares import ShareFactors

COVARIANCES = ("ledoit_wolf", "empirical", "oas", "mincovdet")
_MOMENTS = {"ledoit_wolf": LedoitWolf, "empirical": EmpiricalCovariance, "oas": OAS}
# Rows further away are moved here: whitened rows then stay finite, and their squares are taken in
# another unit. No float64 row is so far away, unless the training rows are the smallest floats.
_FURTHEST = 1e290
_OUTLYING = 1e100  # standard deviations: a robust estimate ignores a row so far away
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ClassGaussians:
    """Means and shared covariance of classes; `distances` are Mahalanobis distances.

    Rows are taken relative to the mean of the class means, in a unit for each feature, `scale`. So
    values of 1e-150 and of 1e150 stay within float64. A Mahalanobis distance has no unit.
    """

    location: NDArray[np.float64]  # (n_classes, d), in the unit of the rows
    scale: NDArray[np.float64]  # (d,), powers of two
    scaled_covariance: NDArray[np.float64]  # (d, d), in units of `scale`
    whitening: NDArray[np.float64]  # (d, d), of rows in units of `scale`
    counts: NDArray[np.intp]  # (n_classes,)
    shrinkage: float | None  # None where rows can't be left out
    n_varying: int  # features that are not constant

    @classmethod
    def fit(
        cls,
        rows: NDArray[np.float64],
        codes: NDArray[np.intp],
        covariance: str,
        random_state: int | np.random.RandomState | None,
        shrinkage: float | None = None,
    ) -> Self:
        """Estimate from rows of the classes 0, 1, ..., none of which is empty.

        A given `shrinkage` replaces that of `covariance`.
        """
        robust = covariance == "mincovdet"
        location = _class_centres(rows, codes, robust=robust)
        residuals = rows - location[codes]
        unit = _units(residuals, covariance)
        residuals /= unit
        if robust:
            estimate, shift = _robust_covariance(residuals, random_state)
            location, shrinkage = location + unit * shift, None
        else:
            estimate, shrinkage = _moment_covariance(residuals, covariance, shrinkage)
        return cls(
            location,
            unit,
            estimate,
            whitening_matrix(estimate),
            np.bincount(codes),
            shrinkage,
            int(residuals.any(axis=0).sum()),
        )

    @classmethod
    def of_moments(
        cls, classes: Sequence[RowMoments], covariance: str, shrinkage: float | None = None
    ) -> Self:
        """Estimate from the sums over the rows of each class; `shrinkage` as in `fit`."""
        pooled = pooled_moments(classes)
        n_varying = int(pooled.varying.sum())
        # A constant column has the unit of the widest one: rows with another value are far.
        widest = float(pooled.scale[pooled.varying].max()) if n_varying else 1.0
        together = covariance != "empirical"  # shrinking compares the columns with each other
        unit = np.where(pooled.varying & (not together), pooled.scale, widest)
        estimate, found = np.zeros((len(unit), len(unit))), 0.0
        if n_varying:
            estimate, found = shrunk_covariance(
                pooled.in_scale(unit), covariance, n_features=n_varying, shrinkage=shrinkage
            )
        return cls(
            np.stack([moments.mean for moments in classes]),
            unit,
            estimate,
            whitening_matrix(estimate),
            np.array([moments.n for moments in classes]),
            found,
            n_varying,
        )

    @property
    def covariance(self) -> NDArray[np.float64]:
        """In the squared unit of the rows, which may overflow or vanish."""
        with np.errstate(over="ignore", under="ignore"):
            return self.scaled_covariance * self.scale * self.scale[:, np.newaxis]

    @property
    def precision(self) -> NDArray[np.float64]:
        """Inverse of the covariance, its smallest eigenvalues raised to the floor."""
        with np.errstate(over="ignore", under="ignore"):
            return self.whitening @ self.whitening.T / self.scale / self.scale[:, np.newaxis]

    def distances(
        self,
        rows: NDArray[np.float64],
        own_class: NDArray[np.intp],
        at: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Distance of each row from each class, (m, n_classes).

        A row with `own_class` of 0 or more equals a training row of that class and is left out of
        the estimates; -1 for the others. With `at`, the distances of these points instead.
        """
        scaled, means = self._scaled(rows)
        points = scaled if at is None else self._scaled(at)[0]
        left_out = own_class >= 0
        if self.shrinkage is None or not left_out.any():
            return mahalanobis_distance(points, means, self.whitening)
        distances = np.empty((len(rows), len(means)))
        distances[~left_out] = mahalanobis_distance(points[~left_out], means, self.whitening)
        distances[left_out] = left_out_mahalanobis_distance(
            scaled[left_out],
            own_class[left_out],
            means,
            self.whitening,
            self.counts,
            shrinkage=self.shrinkage,
            n_varying=self.n_varying,
            at=None if at is None else points[left_out],
        )
        return distances

    def share_factors(
        self, rows: NDArray[np.float64], own_class: NDArray[np.intp], chosen: NDArray[np.intp]
    ) -> ShareFactors:
        """Factors of the features' shares in the distance of each row from its chosen class."""
        scaled, means = self._scaled(rows)
        factors = mahalanobis_share_factors(scaled - means[chosen], self.whitening)
        left_out = np.flatnonzero(own_class >= 0)
        if self.shrinkage is not None and left_out.size:
            others = left_out_mahalanobis_share_factors(
                scaled[left_out],
                own_class[left_out],
                chosen[left_out],
                means,
                self.whitening,
                self.counts,
                shrinkage=self.shrinkage,
                n_varying=self.n_varying,
            )
            for part, other in zip(factors, others, strict=True):
                part[left_out] = other
        with np.errstate(over="ignore", under="ignore"):
            return ShareFactors(factors.differences * self.scale, factors.slopes / self.scale)

    def _scaled(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows and means relative to the mean of the means, in units of `scale`."""
        centre = self.location.mean(axis=0)
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.clip((rows - centre) / self.scale, -_FURTHEST, _FURTHEST)
            return scaled, (self.location - centre) / self.scale


def _class_centres(
    rows: NDArray[np.float64], codes: NDArray[np.intp], *, robust: bool
) -> NDArray[np.float64]:
    """The mean (or the median of each feature) of each class, (n_classes, d)."""
    ends = np.cumsum(np.bincount(codes))
    centres = np.empty((len(ends), rows.shape[1]))
    order = np.argsort(codes, kind="stable")
    for code, members in enumerate(np.split(order, ends[:-1])):
        if robust:  # the mean of a class with one row at 1e30 would drown all others
            centres[code] = np.median(rows[members], axis=0)
        else:
            centres[code] = mean_row(rows[members])
    return centres


def _units(residuals: NDArray[np.float64], covariance: str) -> NDArray[np.float64]:
    """A power of two for each column in which its values are of ordinary size, (d,)."""
    size = np.maximum(residuals.max(axis=0), -residuals.min(axis=0))
    if covariance == "mincovdet":  # outliers must not make the other values small
        median = np.median(np.abs(residuals), axis=0)
        size = np.where(median > 0, median, size)
    elif covariance != "empirical":  # shrinking compares the columns with each other
        size = np.full_like(size, size.max())
    # A constant column has the unit of the widest one: rows with another value are far.
    return power_of_two(np.where(size > 0, size, size.max()))


def _moment_covariance(
    residuals: NDArray[np.float64], covariance: str, shrinkage: float | None
) -> tuple[NDArray[np.float64], float]:
    """Plain or shrunk covariance, and the shrinkage.

    Constant features are no part of the estimate: they would lower the mean variance, and so change
    the distances in the other features. Their variance comes from the shrinkage alone.
    """
    varying = np.flatnonzero(residuals.any(axis=0))
    estimate = np.zeros((residuals.shape[1], residuals.shape[1]))
    if not varying.size:
        return estimate, 0.0
    # copied only if columns are left out
    used = residuals if varying.size == residuals.shape[1] else residuals[:, varying]
    options = {"assume_centered": True, "store_precision": False}
    if shrinkage is None or covariance == "empirical":
        fitted = _MOMENTS[covariance](**options).fit(used)
    else:
        fitted = ShrunkCovariance(**options, shrinkage=shrinkage).fit(used)
    shrinkage = float(getattr(fitted, "shrinkage_", shrinkage or 0.0))
    # shrinking keeps the trace: this was the mean variance before, too
    variance = shrinkage * float(np.trace(fitted.covariance_)) / varying.size
    np.fill_diagonal(estimate, variance)
    estimate[np.ix_(varying, varying)] = fitted.covariance_
    return estimate, shrinkage


def _robust_covariance(
    residuals: NDArray[np.float64], random_state: int | np.random.RandomState | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimum covariance determinant: covariance, and location relative to the residuals' zero.

    A linear map of the rows maps the estimate in the same way. So it is computed in a basis of the
    rows' span with coordinates of ordinary size, because scikit-learn compares with absolute
    numbers.
    """
    n, d = residuals.shape
    np.clip(residuals, -_OUTLYING, _OUTLYING, out=residuals)
    origin = residuals[np.abs(residuals).max(axis=1).argmin()].copy()
    residuals -= origin
    # Directions alone: beside one far row the span of the others would look like nothing.
    lengths = np.abs(residuals).max(axis=1)
    directions = residuals[lengths > 0] / lengths[lengths > 0, np.newaxis]
    if not len(directions):
        return np.zeros((d, d)), origin
    _, singular_values, vectors = np.linalg.svd(directions, full_matrices=False)
    basis = vectors[singular_values > max(n, d) * _EPS * singular_values[0]].T
    coordinates = residuals @ basis
    size = np.median(np.abs(coordinates), axis=0)
    size = np.where(size > 0, size, np.abs(coordinates).max(axis=0))
    try:
        fitted = MinCovDet(random_state=random_state).fit(coordinates / size)
    except ValueError as error:
        if "support data" not in str(error):
            raise
        raise ValueError(
            "covariance='mincovdet' needs more than half of the rows to differ from each other, "
            "since it describes the densest half of them. Drop equal rows or use 'ledoit_wolf'."
        ) from error
    back = basis * size
    return back @ fitted.covariance_ @ back.T, origin + back @ fitted.location_
