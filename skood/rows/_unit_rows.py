"""Rows that are divided by their lengths; rows on disk are divided as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._stored_rows import StoredRows
from .place import is_stored


def unit_rows(rows: Any, norms: NDArray[np.float64]) -> Any:
    """Rows divided by their lengths, in the type that they have; those on disk stay there."""
    if is_stored(rows):
        return UnitRows(rows, norms)
    return (rows / norms[:, np.newaxis]).astype(rows.dtype)


class UnitRows(StoredRows):
    """Rows of length 1.

    Parameters
    ----------
    rows : StoredRows
        The rows before the division.
    norms : ndarray of shape (n,)
        Their lengths.
    """

    def __init__(self, rows: StoredRows, norms: NDArray[np.float64]) -> None:
        super().__init__(rows.shape, rows.dtype, rows.origin)
        self._rows, self._norms = rows, norms
        self._aligned = rows._aligned

    def _read(self, start: int, stop: int) -> NDArray:
        return self._rows[start:stop] / self._norms[start:stop, np.newaxis]

    def _block(self, start: int, stop: int) -> NDArray:
        return self._floats(self._read(start, stop))  # the wrapped rows keep the piece

    def _gather(self, positions: NDArray[np.intp], out: NDArray) -> None:
        out[:] = self._rows.take(positions) / self._norms[positions, np.newaxis]
