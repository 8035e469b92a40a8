"""Normal scores in place of values, for columns with heavy tails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._validation import check_float, check_int, check_new_rows, check_training_rows

_ROUNDING = 1e-6  # of float32 scores


class NormalScoreTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace the values of columns with heavy tails by the normal scores of their ranks.

    A few large values can dominate the standard deviation of a column, so that standardising leaves
    no distance between the other values. Normal scores depend only on the rank of a value among the
    training values. Columns without heavy tails stay unchanged, because ranks would hide what
    correlated columns share. Columns of up to three values, such as a category with gaps, stay
    unchanged too.

    Parameters
    ----------
    min_kurtosis : float or None, default=1.0
        Columns with an excess kurtosis above it are replaced: 0 for a normal distribution, 3 for a
        Laplace distribution. None: all columns of four values or more.
    table_kurtosis : float or None, default=None
        If the mean of log(1 + excess kurtosis) over the columns of four values or more is above
        it, all of these are replaced. None: each column is decided separately.
    outermost : float or None, default=1e-7
        The rank, in (0, 0.5), of the outermost training value and of all values beyond it. By
        default its score is 5.2, as in scikit-learn, far from all other values. None: 1 / (n + 1)
        for n training values; then equal outermost values share their mean rank, like all other
        values.
    n_quantiles : int, default=1_000
        Largest number of quantiles in place of the training values of a column.

    Attributes
    ----------
    kurtosis_ : ndarray of shape (n_features_in_,)
        The excess kurtosis of each column; 0 for columns of up to three values.
    is_replaced_ : ndarray of bool of shape (n_features_in_,)
        Whether each column is replaced.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    See Also
    --------
    sklearn.preprocessing.QuantileTransformer : Replaces all columns, by the same scores.

    References
    ----------
    Van der Waerden (1952), Order tests for the two-sample problem and their power: the scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.preprocessing import NormalScoreTransformer
    >>> X = np.array([[-2.0, 1.0], [-1.0, 2.0], [0.0, 3.0], [1.0, 4.0], [2.0, 1000.0]])
    >>> NormalScoreTransformer(min_kurtosis=0.2).fit_transform(X).round(1)
    array([[-2. , -5.2],
           [-1. , -0.7],
           [ 0. ,  0. ],
           [ 1. ,  0.7],
           [ 2. ,  5.2]])
    """

    def __init__(
        self,
        min_kurtosis: float | None = 1.0,
        *,
        table_kurtosis: float | None = None,
        outermost: float | None = 1e-7,
        n_quantiles: int = 1_000,
    ) -> None:
        self.min_kurtosis = min_kurtosis
        self.table_kurtosis = table_kurtosis
        self.outermost = outermost
        self.n_quantiles = n_quantiles

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find the columns with heavy tails, and their quantiles.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows.
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
        if self.min_kurtosis is not None:
            check_float(self, "min_kurtosis", self.min_kurtosis, "[-2, inf)")
        if self.table_kurtosis is not None:
            check_float(self, "table_kurtosis", self.table_kurtosis, "[0, inf)")
        if self.outermost is not None:
            check_float(self, "outermost", self.outermost, "(0, 0.5)")
        check_int(self, "n_quantiles", self.n_quantiles, 10)
        X = check_training_rows(self, X, min_samples=1)
        several = np.array([_has_four_values(column) for column in X.T])
        found = [_excess_kurtosis(column) for column in X.T[several]]
        self.kurtosis_ = np.zeros(X.shape[1])
        self.kurtosis_[several] = found
        lowest = -np.inf if self.min_kurtosis is None else self.min_kurtosis
        if self.table_kurtosis is not None and found:
            tails = np.log1p(np.maximum(found, 0.0))
            lowest = -np.inf if tails.mean() > self.table_kurtosis else lowest
        self.is_replaced_ = several & (self.kurtosis_ > lowest)
        self._n_samples = len(X)
        self._quantiles = _quantiles(X[:, self.is_replaced_], min(self.n_quantiles, len(X)))
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Replace the values of columns with heavy tails.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; not changed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows; float32 if X is.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X)
        return self._with(self._scores, X)

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Turn normal scores back into values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows as `transform` gives them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The values.
        """
        check_is_fitted(self)
        return self._with(self._values, X)

    def _with(
        self, replaced: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[Any]], X: Any
    ) -> NDArray[Any]:
        out, shares = np.array(X), np.linspace(0.0, 1.0, self._quantiles.shape[1])
        for j, quantiles in zip(np.flatnonzero(self.is_replaced_), self._quantiles, strict=True):
            out[:, j] = replaced(out[:, j].astype(np.float64), quantiles, shares)
        return out

    def _scores(
        self,
        column: NDArray[np.float64],
        quantiles: NDArray[np.float64],
        shares: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        up = np.interp(column, quantiles, shares)
        down = np.interp(-column, -quantiles[::-1], shares)
        ranks = (up + 1.0 - down) / 2  # of equal values, the mean rank
        if self.outermost is not None:
            ranks[column <= quantiles[0]] = 0.0
            ranks[column >= quantiles[-1]] = 1.0
        lowest = self._lowest()
        return ndtri(np.clip(ranks, lowest, 1.0 - lowest))

    def _values(
        self,
        column: NDArray[np.float64],
        quantiles: NDArray[np.float64],
        shares: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        ranks, lowest = ndtr(column), self._lowest()
        ranks[ranks <= lowest * (1.0 + _ROUNDING)] = 0.0
        ranks[ranks >= 1.0 - lowest * (1.0 + _ROUNDING)] = 1.0
        return np.interp(ranks, shares, quantiles)

    def _lowest(self) -> float:
        return 1.0 / (self._n_samples + 1) if self.outermost is None else float(self.outermost)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _has_four_values(column: NDArray[Any]) -> bool:
    low, high = column.min(), column.max()
    between = column[(column > low) & (column < high)]
    return len(between) > 0 and bool((between != between[0]).any())


def _excess_kurtosis(column: NDArray[Any]) -> float:
    """The fourth moment in standard deviations, minus that of a normal distribution."""
    values = column.astype(np.float64)
    values /= np.abs(values).max()  # so that no power overflows
    squares = (values - values.mean()) ** 2
    variance = squares.mean()
    return float((squares**2).mean() / variance**2 - 3.0) if variance > 0.0 else 0.0


# scikit-learn's transformer takes 0.7 ms a column for a single row, and three times as long to fit.
def _quantiles(X: NDArray[Any], n_quantiles: int) -> NDArray[np.float64]:
    """Quantiles of each column, evenly spaced by rank, (n_columns, n_quantiles)."""
    ordered = np.sort(X.astype(np.float64), axis=0)
    places = np.linspace(0.0, len(X) - 1.0, n_quantiles)
    before = np.floor(places).astype(np.intp)
    after = np.minimum(before + 1, len(X) - 1)
    share = (places - before)[:, np.newaxis]
    # not low + share * (high - low), which is not high for equal values
    found = (1.0 - share) * ordered[before] + share * ordered[after]
    return np.clip(found, ordered[before], ordered[after]).T.copy()
