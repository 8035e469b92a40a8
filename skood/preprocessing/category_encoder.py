"""Categories as numbers that weigh as much as a standardised column."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted, validate_data

from .._validation import check_column_names, check_float, check_option, refuse_masked_cells
from ..measures.arguments import rows_in_one_sentence


class CategoryEncoder(TransformerMixin, BaseEstimator):
    r"""One column for each category, and one for categories that no training row has.

    A row has a number :math:`v_c` in the column of its category c and 0 in the others. For a
    feature with k categories of the shares p and the `rarity` r,

    .. math:: v_c = (k\, p_c)^{-r/2}.

    With r = 0, or if all are equally frequent, any two categories are :math:`\sqrt 2` apart, like
    two rows on average in a column of numbers after a `StandardScaler`. With r > 0 rare categories
    are further from all others, and frequent ones nearer. A new category has a column of its own,
    with :math:`\sqrt{\sum_c p_c v_c^2}` times the `novelty`. Categories are in the order of their
    first rows, so their names change no score.

    Parameters
    ----------
    rarity : float, default=0.5
        The extra distance of rare categories, in [0, 1].
    novelty : float, default=3.0
        The distance of new categories, at least 1. With 1 they are as far from the known categories
        as these are from each other.
    missing : {"category", "expected"}, default="category"
        Whether missing values are a category, or the mean of the training rows that have a value.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each feature; None stands for missing values.
    scales_ : list of ndarray
        :math:`v_c` of the categories of each feature.
    new_scales_ : ndarray of shape (n_features_in_,)
        The number in the column of new categories.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they have names.

    References
    ----------
    Greenacre (1984), Theory and Applications of Correspondence Analysis, section 5.1: r = 1 is the
    chi-squared distance of multiple correspondence analysis, up to a factor.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.preprocessing import CategoryEncoder
    >>> colours = np.array([["red"], ["blue"], ["red"], ["blue"]], dtype=object)
    >>> encoder = CategoryEncoder().fit(colours)
    >>> encoder.transform([["blue"], ["green"]])
    array([[0., 1., 0.],
           [0., 0., 3.]])
    """

    missing = "category"  # of files that older versions wrote

    def __init__(
        self, *, rarity: float = 0.5, novelty: float = 3.0, missing: str = "category"
    ) -> None:
        self.rarity = rarity
        self.novelty = novelty
        self.missing = missing

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

        Raises
        ------
        ValueError
            If a parameter is not valid.
        """
        check_float(self, "rarity", self.rarity, "[0, 1]")
        check_float(self, "novelty", self.novelty, "[1, inf)")
        check_option(self, "missing", self.missing, ("category", "expected"))
        values = self._as_objects(X, reset=True)
        gaps, values = self._without_gaps(values)
        # As they come first in the rows: no name changes a sum, not even by rounding.
        ordered = [np.array([*dict.fromkeys(column)], dtype=object) for column in values.T]
        encoder = OneHotEncoder(categories=ordered, handle_unknown="ignore", sparse_output=False)
        with rows_in_one_sentence(self):
            self._encoder = encoder.fit(values)
        self.categories_ = self._encoder.categories_
        known = self._encoder.transform(values)
        self.scales_, self._shares, new = [], [], []
        for j, part in enumerate(self._parts(known)):
            held = part[~gaps[:, j]] if not gaps[:, j].all() else part
            shares = held.mean(axis=0)
            squares = (len(shares) * shares) ** -self.rarity
            self.scales_.append(np.sqrt(squares))
            self._shares.append(shares)
            new.append(self.novelty * np.sqrt(shares @ squares))
        self.new_scales_ = np.array(new)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Make the columns of the categories.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Text.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The columns of each feature: its categories, then new categories.
        """
        check_is_fitted(self)
        gaps, values = self._without_gaps(self._as_objects(X, reset=False))
        with rows_in_one_sentence(self):
            known = self._encoder.transform(values)
        new_scales = getattr(self, "new_scales_", self.scales_)  # not in files of older versions
        parts = []
        for j, part in enumerate(self._parts(known)):
            if gaps[:, j].any():
                part = np.where(gaps[:, j, np.newaxis], self._shares[j], part)
            is_new = np.where(gaps[:, j], 0.0, 1.0 - part.sum(axis=1))
            parts.append(np.column_stack([part * self.scales_[j], is_new * new_scales[j]]))
        return np.hstack(parts)

    def spreads(self) -> NDArray[np.float64]:
        """The standard deviation of the training rows in the columns of each feature together.

        Returns
        -------
        ndarray of shape (n_features_in_,)
            The square roots of the sums of the variances.
        """
        pairs = zip(self._shares, self.scales_, strict=True)
        variances = [p @ v**2 - ((p * v) ** 2).sum() for p, v in pairs]
        return np.sqrt(np.maximum(variances, 0.0))

    def sums(self, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum over the columns of each feature, in an order that no names change."""
        starts = np.cumsum([0, *self.widths()[:-1]])
        return np.add.reduceat(encoded, starts, axis=1)

    def widths(self) -> list[int]:
        """The number of columns of each feature."""
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
        """The values as objects, with None for missing values of any kind."""
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

    def _parts(self, known: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """The columns of each feature, without those of new categories."""
        stops = np.cumsum([len(categories) for categories in self.categories_])
        return np.split(known, stops[:-1], axis=1)

    def _without_gaps(
        self, values: NDArray[np.object_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.object_]]:
        """The missing values without a category, and the values with a category there."""
        gaps = values == None  # noqa: E711  # of each value
        if self.missing == "category" or not gaps.any():
            return np.zeros(values.shape, dtype=bool), values
        values = values.copy()
        for j in np.flatnonzero(gaps.any(axis=0)):
            held = values[~gaps[:, j], j]
            values[gaps[:, j], j] = held[0] if len(held) else None
        return gaps, values
