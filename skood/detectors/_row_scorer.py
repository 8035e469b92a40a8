"""The base of the scorers that learn little from training rows: means, templates, a space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import check_new_rows, check_training_rows, without_ood_rows
from ..measures.blocks import slices
from ..rows.rounded import is_rounded

_BLOCK_VALUES = 1 << 20  # of the rows scored at a time


class RowScorer(OODDetectorMixin, BaseEstimator, ABC):
    """Base of the scorers of penultimate features, and of those of a classifier's outputs."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from training rows, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2: penultimate features, or outputs of the classifier.
            An array of float32 or float64 in C order may be kept without a copy: do not change it
            afterwards.
        y : array-like of shape (n_samples,), optional
            Class labels; `head`, if there is one, says how they are used. Labels of one class, and
            floats with a fraction, are not used.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid.
        """
        self._check_parameters()
        X, y = without_ood_rows(self, X, y)
        X = check_training_rows(self, X)
        y = self._store_classes(y, len(X))
        self._dtype = X.dtype
        self._learn(X, y if len(getattr(self, "classes_", ())) > 1 else None)
        rows = self._draw_threshold_rows(len(X))
        self._set_threshold(rows, self._score_blocks(X if len(rows) == len(X) else X[rows]))
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows: how well they belong to the training distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        rounded = is_rounded(X, self._dtype)
        return self._score_blocks(check_new_rows(self, X, self._dtype), rounded)

    def _check_parameters(self) -> None:
        self._check_threshold_parameters()

    @abstractmethod
    def _learn(self, X: NDArray, y: NDArray | None) -> None:
        """Learn from training rows; y holds labels of two classes or more."""

    @abstractmethod
    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:
        """Scores of a few rows of the training rows' type, or `rounded` by another float type."""

    @property
    def _values_each(self) -> int:
        """The number of values for each row in memory, besides the row."""
        return 0

    def _score_blocks(self, X: NDArray, rounded: bool = False) -> NDArray[np.float64]:
        parts = slices(len(X), _BLOCK_VALUES, each=X.shape[1] + self._values_each)
        return np.concatenate([self._score(X[part], rounded) for part in parts])
