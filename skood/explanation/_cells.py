"""The cells of rows in the user's form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cells(X: Any, n_columns: int) -> NDArray | None:
    """Rows as an array, of objects if columns differ in type; None if they are no table."""
    if hasattr(X, "iloc") and {getattr(dtype, "kind", "O") for dtype in X.dtypes} - set("iuf"):
        columns = [X.iloc[:, j].to_numpy(dtype=object) for j in range(X.shape[1])]
        rows = np.column_stack(columns) if columns else None
    elif isinstance(X, (list, tuple)) or hasattr(X, "__array__"):
        rows = np.asarray(X)
    else:
        return None
    return rows if rows is not None and rows.shape[1:] == (n_columns,) else None


def numbers_if_all(values: NDArray) -> NDArray:
    """An array of objects as numbers, if all are numbers; None becomes NaN."""
    if values.dtype != object or any(isinstance(value, str) for value in values.ravel()):
        return values
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return values
