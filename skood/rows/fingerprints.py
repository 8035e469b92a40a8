"""Recognises training rows without keeping them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hashes import first_match, row_hashes
from .rounded import RoundedRows

_GLANCED = 64  # columns at least in the short hash that most new rows fail


class RowFingerprints:
    """Positions of training rows by fingerprints of their values, 44 to 54 bytes a row.

    This is the counterpart of `RowLookup` for estimators that do not need the training rows. A
    fingerprint is two independent 64-bit hashes. For n training rows and m others, the probability
    that any two unequal rows agree in both is about n m / 2^128: 3e-21 for a billion of each. For
    wide rows, a short hash of some columns is looked up first, which excludes most new rows.

    Rows of another float type are found by three coordinates, if the training rows are floats.
    """

    _rounded: RoundedRows | None = None  # in older files

    def __init__(self, X: NDArray[Any]) -> None:
        first, second = row_hashes(X, seed=0), row_hashes(X, seed=1)
        order = np.argsort(first, kind="stable")
        self._first = first[order]
        self._second = second[order]
        self._order = order.astype(np.min_scalar_type(len(X)))
        self._stride = X.shape[1] // _GLANCED
        self._glances = np.unique(self._glance(X)) if self._stride > 1 else None
        self._rounded = RoundedRows(X) if X.dtype.kind == "f" else None

    def extended(self, X: NDArray[Any]) -> RowFingerprints:
        """The fingerprints of these rows and of further rows after them."""
        return self.merged(RowFingerprints(X))

    def merged(self, added: RowFingerprints) -> RowFingerprints:
        """The fingerprints of these rows and of the rows of `added` after them."""
        n, other = len(self._order), copy.copy(self)
        # A stable sort keeps the old rows first among equals.
        first = np.concatenate([self._first, added._first])
        order = np.argsort(first, kind="stable")
        positions = np.concatenate([self._order.astype(np.intp), added._order.astype(np.intp) + n])
        other._first = first[order]
        other._second = np.concatenate([self._second, added._second])[order]
        other._order = positions[order].astype(np.min_scalar_type(len(first)))
        if self._glances is not None and added._glances is not None:
            other._glances = np.union1d(self._glances, added._glances)
        if self._rounded is not None:
            # rows that cannot be found by coordinates leave all others without
            other._rounded = self._rounded.merged(added._rounded) if added._rounded else None
        return other

    def find(self, Q: NDArray[Any], *, rounded: bool = False) -> NDArray[np.intp]:
        """Position of the first training row that equals each row of Q, -1 without one.

        Q must have the type of the training rows. With `rounded`, it was converted from another
        float type, and rows are equal up to its rounding.
        """
        if rounded and self._rounded is not None:
            return self._rounded.find(Q)
        if self._glances is None or Q.shape[1] // _GLANCED != self._stride:
            return self._find(Q)
        glances = self._glance(Q)
        place = np.searchsorted(self._glances, glances) % len(self._glances)
        known = np.flatnonzero(self._glances[place] == glances)
        positions = np.full(len(Q), -1, dtype=np.intp)
        if known.size:
            positions[known] = self._find(Q if known.size == len(Q) else Q[known])
        return positions

    def _glance(self, rows: NDArray[Any]) -> NDArray[np.uint64]:
        return row_hashes(rows, seed=2, stride=self._stride)

    def _find(self, Q: NDArray[Any]) -> NDArray[np.intp]:
        place = first_match(
            self._first,
            row_hashes(Q, seed=0),
            lambda places, rows: self._second[places] == row_hashes(Q[rows], seed=1),
        )
        return np.where(place >= 0, self._order[place].astype(np.intp), -1)
