"""The base of transformers that compare all activations of a sample with the largest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._validation import check_float, check_new_rows, check_training_rows


class ActivationShaper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, ABC):
    """Base of ASH and SCALE, which learn nothing from training samples."""

    percentile: float

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Check the parameters and learn the number of features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Activations.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        self._check_parameters()
        check_training_rows(self, X, min_samples=1)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Shape activations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The activations; not changed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The shaped activations; float32 if X is.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X)
        largest = np.finfo(X.dtype).max
        with np.errstate(over="ignore"):
            shaped = self._shaped(X, _largest(X, self.percentile))
            return np.clip(shaped, -largest, largest).astype(X.dtype, copy=False)

    def _check_parameters(self) -> None:
        check_float(self, "percentile", self.percentile, "[0, 100)")

    @abstractmethod
    def _shaped(self, X: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[Any]:
        """The new activations; `kept` is a mask of the largest."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def scaled(X: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Activations times the exponential of the sum of all over the sum of those kept."""
    before = X.sum(axis=1, dtype=np.float64)
    after = np.where(kept, X, 0).sum(axis=1, dtype=np.float64)
    exponents = np.divide(before, after, out=np.zeros_like(before), where=after > 0)
    return X * np.exp(exponents)[:, np.newaxis]


def _largest(X: NDArray[Any], percentile: float) -> NDArray[np.bool_]:
    """A mask of the activations that stay."""
    d = X.shape[1]
    n_kept = max(1, d - round(d * percentile / 100))
    kept = np.zeros(X.shape, dtype=bool)
    order = np.argsort(-X, axis=1, kind="stable")  # of equal ones the first
    np.put_along_axis(kept, order[:, :n_kept], True, axis=1)
    return kept
