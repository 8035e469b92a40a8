"""Activation shaping: most activations of a sample are removed, the others adjusted."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._validation import check_float, check_new_rows, check_option, check_training_rows

_VARIANTS = ("s", "p", "b")


class ASHTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Remove the smaller activations of each sample, and adjust the others (ASH).

    The smallest activations of a sample, `percentile` percent of them, become 0. With the sum
    :math:`s_1` of all activations, and :math:`s_2` of the n that stay, these are

    - multiplied by :math:`e^{s_1 / s_2}` (ASH-S),
    - left as they are (ASH-P), or
    - all set to :math:`s_1 / n` (ASH-B).

    It suits activations that are not negative, as after a ReLU, and learns nothing from training
    samples. A scorer of penultimate features comes after it.

    Parameters
    ----------
    variant : {"s", "p", "b"}, default="s"
        What happens to the activations that stay.
    percentile : float, default=90.0
        Percentage of activations to remove, in [0, 100), rounded to whole activations. At least one
        stays; of equal ones the first.

    Attributes
    ----------
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    If negative values make :math:`s_2` 0 or less, ASH-S does not change the activations. Values too
    large for a float become the largest float.

    References
    ----------
    Djurisic et al. (2023), Extremely simple activation shaping for out-of-distribution detection,
    algorithms 1 (ASH-P), 2 (ASH-B) and 3 (ASH-S).

    Examples
    --------
    >>> from skood import ASHTransformer
    >>> X = [[1.0, 3.0, 0.0, 4.0]]
    >>> ASHTransformer("p", percentile=50.0).fit_transform(X)
    array([[0., 3., 0., 4.]])
    >>> ASHTransformer("b", percentile=50.0).fit_transform(X)
    array([[0., 4., 0., 4.]])
    """

    def __init__(self, variant: str = "s", *, percentile: float = 90.0) -> None:
        self.variant = variant
        self.percentile = percentile

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
        check_option(self, "variant", self.variant, _VARIANTS)
        check_float(self, "percentile", self.percentile, "[0, 100)")
        check_training_rows(self, X, min_samples=1)
        return self

    def transform(self, X: Any) -> NDArray:
        """Shape activations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The activations; not changed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The shaped activations; float32 where X is.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X)
        kept = _largest(X, self.percentile)
        with np.errstate(over="ignore"):
            values = X if self.variant == "p" else self._adjusted(X, kept)
            largest = np.finfo(X.dtype).max
            return np.where(kept, np.clip(values, -largest, largest), 0).astype(X.dtype, copy=False)

    def _adjusted(self, X: NDArray, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The new values of the activations that stay."""
        before = X.sum(axis=1, dtype=np.float64)
        if self.variant == "b":
            return np.broadcast_to((before / kept.sum(axis=1))[:, np.newaxis], X.shape)
        after = np.where(kept, X, 0).sum(axis=1, dtype=np.float64)
        exponents = np.divide(before, after, out=np.zeros_like(before), where=after > 0)
        return X * np.exp(exponents)[:, np.newaxis]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _largest(X: NDArray, percentile: float) -> NDArray[np.bool_]:
    """A mask of the activations that stay."""
    d = X.shape[1]
    n_kept = max(1, d - round(d * percentile / 100))
    kept = np.zeros(X.shape, dtype=bool)
    order = np.argsort(-X, axis=1, kind="stable")  # of equal ones the first
    np.put_along_axis(kept, order[:, :n_kept], True, axis=1)
    return kept
