"""Finds rows that equal a training row in every feature."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hashes import first_match, row_hashes
from .rounded import RoundedRows


class RowLookup:
    """Positions of training rows by their values.

    Rows are equal if their given values are. A distance does not show it: by a matrix product in
    float32, the distance of a row from itself is often not zero.
    """

    def __init__(self, X: NDArray[Any]) -> None:
        self.X = X
        hashes = self._hash(X)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def extended(self, X: NDArray[Any]) -> RowLookup:
        """The lookup of X, whose first rows are the rows of this lookup."""
        n = len(self._order)
        hashes = self._hash(X[n : len(X)])
        added = np.argsort(hashes, kind="stable")
        hashes = hashes[added]
        # Behind equal hashes, so that the first of equal rows is found first.
        place = np.searchsorted(self._hashes, hashes, side="right")
        other = copy.copy(self)
        other.X = X
        vars(other).pop("_rounded", None)
        other._hashes = np.insert(self._hashes, place, hashes)
        other._order = np.insert(self._order, place, added + n)
        return other

    def find(self, Q: NDArray[Any], *, rounded: bool = False) -> NDArray[np.intp]:
        """Position of the first training row that equals each row of Q, -1 without one.

        With `rounded`, rows of another float type are equal up to its rounding.
        """
        if rounded:
            if not hasattr(self, "_rounded"):
                self._rounded = RoundedRows(self.X)
            return self._rounded.find(Q)
        place = first_match(
            self._hashes,
            self._hash(Q),
            lambda places, rows: (self.X[self._order[places]] == Q[rows]).all(axis=1),
        )
        return np.where(place >= 0, self._order[place], -1)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_rounded"}

    def _hash(self, rows: NDArray[Any]) -> NDArray[np.uint64]:
        return row_hashes(rows, seed=0)
