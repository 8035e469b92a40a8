"""The base of a detector by class Gaussians: scores rows and explains scores, once fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import check_new_rows
from ..explanation import ExpectedValues, Explanation, LinearMap
from ..explanation.given_features import given_names, given_rows
from ..measures.row_moments import RowMoments
from ..rows.fingerprints import RowFingerprints
from ..rows.rounded import is_rounded
from ._gaussian_fit import Estimates
from ._gaussian_scores import GaussianScores
from ._row_scaling import RowScaling


class GaussianDetector(OODDetectorMixin, BaseEstimator):
    """Base of a detector whose score is a Mahalanobis distance; a subclass fits the Gaussians."""

    _dtype: np.dtype  # of the training rows
    _moments: list[RowMoments] | None  # None where the estimates are not made of sums

    def _keep(
        self, estimates: Estimates, fingerprints: RowFingerprints, row_classes: NDArray[np.intp]
    ) -> None:
        """Keep the fitted Gaussians, and the means to recognise training rows and their classes."""
        self._gaussians, self._background, self._moments = estimates
        self._fingerprints = fingerprints
        self._row_classes = row_classes.astype(np.min_scalar_type(int(row_classes.max())))
        self.location_ = self._gaussians.location
        self.covariance_ = self._gaussians.covariance
        self.precision_ = self._gaussians.precision
        self._forget("shrinkage_")
        if self._gaussians.shrinkage is not None:
            self.shrinkage_ = self._gaussians.shrinkage

    @property
    def _scorer(self) -> GaussianScores:
        return GaussianScores(
            self._gaussians,
            self._background,
            self._fingerprints,
            self._row_classes,
            RowScaling(self.normalize, type(self).__name__),
        )

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by their distance from the training distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to score. For a row that equals a training row, one equal copy is left out, as
            for the training rows themselves.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution. Minus a distance in standard deviations; with
            ``relative=True`` a difference of squared distances, which may be above 0.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names, or if
            ``normalize=True`` and a row is all zero.
        """
        check_is_fitted(self, "location_")
        rounded = is_rounded(X, self._dtype)
        return self._score(check_new_rows(self, X, self._dtype, stored=True), rounded)

    def explain(self, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
        """Explain scores: each feature's share, and the nearest class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        linear_map : LinearMap or None, default=None
            The map from the original features to X: the shares are then those of the original
            features. `skood.explain` finds it in a Pipeline.

        Returns
        -------
        Explanation
            ``scores == -shares.sum(axis=1)``. The notes of the class define the shares.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names, or if
            ``normalize=True`` and a row is all zero.
        """
        check_is_fitted(self, "location_")
        rounded = is_rounded(X, self._dtype)
        X = check_new_rows(self, X, self._dtype, stored=True)
        shares, nearest = self._scorer.shares(X, linear_map, rounded)
        scores = self._score(X, rounded)
        lengths = self._scorer.scaling.lengths(X)
        expected = ExpectedValues.of_normal(
            self._gaussians.location[nearest],
            1.0 if lengths is None else lengths[:, np.newaxis],
            self._gaussians.scale,
            self._gaussians.scaled_covariance,
            linear_map,
        )
        return Explanation(
            scores,
            shares,
            given_names(self, shares.shape[1], linear_map),
            np.zeros_like(scores),
            nearest_class=self.classes_[nearest] if hasattr(self, "classes_") else None,
            values=given_rows(X, linear_map),
            expected=expected,
        )

    def _score(self, X: NDArray, rounded: bool = False) -> NDArray[np.float64]:
        """Scores of checked rows."""
        return self._scorer.of(X, rounded)
