"""Names and tags of transformers whose columns belong to layers of a module."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._validation import check_column_names


class LayerColumns(TransformerMixin, BaseEstimator):
    """Base of transformers with `feature_groups_` and a parameter `dtype`."""

    dtype: str
    feature_groups_: dict[str, slice]

    # A fit reads only the shapes of one batch, so that a caller need not load all rows for it.
    _learns_from_one_batch = True

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Name each feature by its layer and its number in the layer, as ``layer__0``.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked against the columns of X, if X had columns.

        Returns
        -------
        ndarray of str objects
            The names.
        """
        check_is_fitted(self)
        check_column_names(self, input_features)
        return np.array(
            [
                f"{group}__{i}"
                for group, columns in self.feature_groups_.items()
                for i in range(columns.stop - columns.start)
            ],
            dtype=object,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags
