"""Rectified activations: large values are cut off."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._validation import check_float, check_new_rows, check_training_rows


class ReActTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Cut activations off at a percentile of the training activations (ReAct).

    .. math:: \bar h_j = \min(h_j, c)

    Out-of-distribution inputs often excite a few units far more than training samples do, which
    makes the network confident. One bound c holds for all units. A scorer of penultimate features
    comes after it.

    Parameters
    ----------
    percentile : float, default=90.0
        The bound is this percentile of all activations of the training samples, in (0, 100].

    Attributes
    ----------
    threshold_ : float
        The bound c.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    References
    ----------
    Sun, Guo and Li (2021), ReAct: out-of-distribution detection with rectified activations,
    equation 1.

    Examples
    --------
    >>> from skood import ReActTransformer
    >>> ReActTransformer(percentile=75.0).fit_transform([[0.0, 1.0], [2.0, 3.0], [4.0, 90.0]])
    array([[0.  , 1.  ],
           [2.  , 3.  ],
           [3.75, 3.75]])
    """

    def __init__(self, percentile: float = 90.0) -> None:
        self.percentile = percentile

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find the bound.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Activations of in-distribution samples.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        check_float(self, "percentile", self.percentile, "(0, 100]")
        X = check_training_rows(self, X, min_samples=1)
        self.threshold_ = float(np.percentile(X, self.percentile))
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Cut activations off.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The activations; not changed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The activations, none above the bound; float32 if X is.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X)
        return np.minimum(X, X.dtype.type(self.threshold_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
