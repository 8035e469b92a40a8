"""Categories as numbers that weigh as much as a standardised column."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted, validate_data

from .._validation import check_column_names, refuse_masked_cells
from ..measures.arguments import rows_in_one_sentence


class CategoryEncoder(TransformerMixin, BaseEstimator):
    r"""One column for each category, and one for categories that no training row has.

    A row has a number v in the column of its category and 0 in the others. With

    .. math:: v = 1 / \sqrt{1 - \sum_c p_c^2}

    and the shares p of the categories, the columns of one feature have a total variance of 1, as a
    column of numbers has after a `StandardScaler`. Two categories are as far apart as the numbers 0
    and 1 are when standardised. A new category is as far from the known ones as they are from each
    other. Missing values are a category too. If all training rows have the same category, v is as
    if one more row had another.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each feature; None stands for missing values.
    scales_ : ndarray of shape (n_features_in_,)
        v of each feature.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have any.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.preprocessing import CategoryEncoder
    >>> colours = np.array([["red"], ["blue"], ["red"], ["blue"]], dtype=object)
    >>> encoder = CategoryEncoder().fit(colours)
    >>> encoder.transform([["blue"], ["green"]]).round(2)
    array([[1.41, 0.  , 0.  ],
           [0.  , 0.  , 1.41]])
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn the categories and their shares.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Text; None or NaN if it is missing.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        values = self._as_objects(X, reset=True)
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        with rows_in_one_sentence(self):
            self._encoder = encoder.fit(values)
        self.categories_ = self._encoder.categories_
        shares = self._encoder.transform(values).mean(axis=0)
        squares = np.add.reduceat(shares**2, self._starts())
        # With one category only, as if one row of n + 1 had another.
        smallest = 2 * len(values) / (len(values) + 1) ** 2
        self.scales_ = 1 / np.sqrt(np.maximum(1 - squares, smallest))
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Give the columns of the categories.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Text.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The columns of each feature: those of its categories, then that of new ones.
        """
        check_is_fitted(self)
        values = self._as_objects(X, reset=False)
        with rows_in_one_sentence(self):
            known = self._encoder.transform(values)
        stops = [*self._starts()[1:], known.shape[1]]
        parts = []
        for start, stop, scale in zip(self._starts(), stops, self.scales_, strict=True):
            part = known[:, start:stop]
            parts.append(np.column_stack([part, 1 - part.sum(axis=1)]) * scale)
        return np.hstack(parts)

    def widths(self) -> list[int]:
        """How many columns each feature becomes."""
        return [len(categories) + 1 for categories in self.categories_]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, such as "colour=red".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features, if X had none in `fit`.

        Returns
        -------
        ndarray of str of shape (n_columns,)
            The names.
        """
        check_is_fitted(self)
        check_column_names(self, input_features)
        names = getattr(self, "feature_names_in_", input_features)
        if names is None:
            names = [f"x{j}" for j in range(self.n_features_in_)]
        return np.array(
            [
                f"{name}={category}"
                for name, categories in zip(names, self.categories_, strict=True)
                for category in (*categories, "(new)")
            ],
            dtype=object,
        )

    def _as_objects(self, X: Any, *, reset: bool) -> NDArray[np.object_]:
        """The values as objects, with None for missing ones, however a frame marks these."""
        refuse_masked_cells(self, X)
        X = X.astype(object) if hasattr(X, "iloc") else X  # some types of frames hide gaps
        with rows_in_one_sentence(self):
            values = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=reset)
            values = values.astype(object)
            values[values != values] = None  # NaN
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags

    def _starts(self) -> NDArray[np.intp]:
        """Where the columns of each feature begin, without those of new categories."""
        sizes = [len(categories) for categories in self.categories_]
        return np.cumsum([0, *sizes[:-1]])
