"""A Pipeline whose detector learns that rows came in a narrower float type."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..rows.rounded import is_rounded
from ._calibration_rows import last_inputs

_WIDE = np.dtype(np.float64)


class KeepsFloatType:
    """Mixin of a Pipeline, placed before it.

    A detector recognises rounded training rows if their float type differs from that of the fit. A
    step such as PCA makes float64 of float32, and so does a frame of mixed columns.
    """

    _fitted_rounded = True
    steps: list[tuple[str, Any]]

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """As in a Pipeline."""
        self._remember_float_type(X)
        # mypy does not know the Pipeline that comes after this class
        return super().fit(X, y, **params)  # type: ignore[misc]

    def _remember_float_type(self, X: Any) -> None:
        self._fitted_rounded = is_rounded(X, _WIDE)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by all steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the first step takes
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self)
        features = last_inputs(self, X)
        widened = getattr(features, "dtype", None) == _WIDE and is_rounded(X, _WIDE)
        if widened and not self._fitted_rounded:
            with np.errstate(over="ignore"):
                narrow = features.astype(np.float32)
            features = narrow if np.isfinite(narrow).all() else features
        return self.steps[-1][1].score_samples(features)


class MemberPipeline(KeepsFloatType, Pipeline):
    """A Pipeline in an ensemble, which sets the threshold."""
