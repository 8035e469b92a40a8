"""Ways from a table to rows for one detector, and the former one-hot route to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler

from skood import TableScaler


class FormerOneHot(TransformerMixin, BaseEstimator):
    """Standardised numbers, and one-hot columns that have a variance of 1 for each feature.

    A gap is the median of numbers, or one more category.
    """

    def fit(self, X: pd.DataFrame, y: Any = None) -> FormerOneHot:  # noqa: ARG002
        """Learn medians, scales and categories."""
        self.columns_ = [c for c in X if not isinstance(X[c].dtype, pd.CategoricalDtype)]
        self.others_ = [c for c in X if c not in self.columns_]
        numbers = X[self.columns_]
        self.medians_ = numbers.median()
        self.scaler_ = (
            StandardScaler().fit(numbers.fillna(self.medians_)) if self.columns_ else None
        )
        self.known_ = {name: _texts(X[name]).unique() for name in self.others_}
        self.sizes_ = {}
        for name in self.others_:
            shares = _texts(X[name]).value_counts(normalize=True).to_numpy()
            least = 2 * len(X) / (len(X) + 1) ** 2
            self.sizes_[name] = 1 / np.sqrt(max(1 - shares @ shares, least))
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """The columns of numbers, then those of each feature, with one for new categories."""
        parts = []
        if self.scaler_ is not None:
            parts.append(self.scaler_.transform(X[self.columns_].fillna(self.medians_)))
        for name in self.others_:
            texts = _texts(X[name]).to_numpy()
            known = texts[:, np.newaxis] == self.known_[name]
            new = ~known.any(axis=1, keepdims=True)
            parts.append(np.hstack([known, new]) * self.sizes_[name])
        return np.hstack(parts)


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "")


FORMER = "former one-hot route"
DEFAULT = "`TableScaler()`, the preset's"
FIXED = "`rarity=0`: a fixed distance"
BOTH = '`scale="both"`'
ROUTES: dict[str, Callable[[], Any]] = {
    FORMER: FormerOneHot,
    DEFAULT: TableScaler,
    FIXED: lambda: TableScaler(rarity=0.0),
    "`rarity=1`": lambda: TableScaler(rarity=1.0),
    "`novelty=1`": lambda: TableScaler(novelty=1.0),
    '`scale="quantile"`': lambda: TableScaler(scale="quantile"),
    BOTH: lambda: TableScaler(scale="both"),
}
GAPS: dict[str, Callable[[], Any]] = {
    FORMER: FormerOneHot,
    '`missing="median"`': lambda: TableScaler(missing="median"),
    '`missing="expected"`': lambda: TableScaler(missing="expected"),
}
