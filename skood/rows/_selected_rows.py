"""Some of the rows that are on disk, as rows on disk."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._stored_rows import StoredRows
from ._tensor_rows import is_tensor
from .open_rows import as_stored_rows


class SelectedRows(StoredRows):
    """Some rows of a file, read when they are needed.

    Parameters
    ----------
    rows : StoredRows
        All rows.
    positions : ndarray of int
        Positions of the rows to take, ascending.
    """

    def __init__(self, rows: StoredRows, positions: NDArray[np.intp]) -> None:
        super().__init__((len(positions), rows.shape[1]), rows.dtype, f"some of {rows.origin}")
        self._rows, self._positions = rows, positions
        self.columns = rows.columns
        self.finite = rows.finite

    def astype(self, dtype: Any, copy: bool = True) -> Self:
        """The same rows, read as another type of float."""
        if np.dtype(dtype) == self.dtype:
            return self
        return type(self)(self._rows.astype(dtype, copy=copy), self._positions)

    def empty_frame(self) -> Any:
        """No rows, with these columns: for checks of their number and names."""
        return self._rows.empty_frame()

    def _read(self, start: int, stop: int) -> NDArray:
        return self._rows.take(self._positions[start:stop])

    def _gather(self, positions: NDArray[np.intp], out: NDArray) -> None:
        out[:] = self._rows.take(self._positions[positions])


def selected_rows(X: Any, positions: NDArray[np.intp]) -> StoredRows | None:
    """Some rows of X that stay on disk; None if X is not on disk.

    Parameters
    ----------
    X : object
        Rows as an estimator takes them.
    positions : ndarray of int
        Positions of the rows to take, ascending.

    Returns
    -------
    StoredRows or None
        The rows at these positions.
    """
    if is_tensor(X) or getattr(X, "ndim", 0) != 2:
        return None
    rows = as_stored_rows(X)
    return None if rows is None else SelectedRows(rows, positions)
