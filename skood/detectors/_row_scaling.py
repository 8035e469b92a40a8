"""Rows in the form for Mahalanobis distances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measures.lengths import row_norms


class RowScaling(NamedTuple):
    """Makes rows float64, and divides them by their lengths with `normalize`."""

    normalize: bool
    owner_name: str  # of the estimator, for errors

    def lengths(self, X: NDArray, first: int = 0) -> NDArray[np.float64] | None:
        """Lengths by which the rows are divided; None without `normalize`.

        `first` is the position of the first row, for the error about a row of zeros.
        """
        if not self.normalize:
            return None
        lengths = row_norms(X)
        zero = np.flatnonzero(lengths == 0)
        if zero.size:
            raise ValueError(
                f"normalize=True of {self.owner_name} needs rows that are not all zero. Got "
                f"{zero.size} row(s) of zeros, the first at position {first + zero[0]}; drop them "
                "or use normalize=False."
            )
        return lengths

    def scaled(
        self, X: NDArray, lengths: NDArray[np.float64] | None = None, *, first: int = 0
    ) -> NDArray[np.float64]:
        """The rows; pass their `lengths` if known."""
        lengths = self.lengths(X, first) if lengths is None else lengths
        rows = X.astype(np.float64, copy=False)
        return rows if lengths is None else rows / lengths[:, np.newaxis]
