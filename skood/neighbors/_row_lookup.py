"""Finds rows that equal a training row in every feature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 20
_FOLD = np.uint64(32)


class RowLookup:
    """Positions of training rows by their values.

    Equality is that of the values as given. A distance can't tell it: that of a row to itself from
    a matrix product in float32 is often not zero.
    """

    def __init__(self, X: NDArray) -> None:
        self.X = X
        # Odd factors, fixed: the same rows are found in every process.
        factors = np.random.default_rng(0).integers(0, 2**63, size=X.shape[1], dtype=np.uint64)
        self._factors = factors * np.uint64(2) + np.uint64(1)
        hashes = self._hash(X)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def find(self, Q: NDArray) -> NDArray[np.intp]:
        """Position of the first training row that equals each row of Q, -1 where none does."""
        hashes = self._hash(Q)
        place = np.searchsorted(self._hashes, hashes, side="left")
        end = np.searchsorted(self._hashes, hashes, side="right")
        found = np.full(len(Q), -1, dtype=np.intp)
        open_rows = np.flatnonzero(place < end)
        while open_rows.size:  # a second round only where other rows have the same hash
            position = self._order[place[open_rows]]
            equal = (self.X[position] == Q[open_rows]).all(axis=1)
            found[open_rows[equal]] = position[equal]
            open_rows = open_rows[~equal]
            place[open_rows] += 1
            open_rows = open_rows[place[open_rows] < end[open_rows]]
        return found

    def _hash(self, rows: NDArray) -> NDArray[np.uint64]:
        hashes = np.empty(len(rows), dtype=np.uint64)
        step = max(1, _BLOCK_BYTES // (8 * rows.shape[1]))
        for start in range(0, len(rows), step):
            # Adding 0 turns -0.0 into 0.0: equal values need equal bits.
            block = np.ascontiguousarray(rows[start : start + step]) + rows.dtype.type(0)
            bits = block.view(f"u{rows.itemsize}").astype(np.uint64)
            # Small whole numbers differ only in the upper bits, and a product carries only upwards.
            bits ^= bits >> _FOLD
            bits *= self._factors
            bits ^= bits >> _FOLD
            hashes[start : start + step] = (bits * self._factors).sum(axis=1, dtype=np.uint64)
        return hashes
