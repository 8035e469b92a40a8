"""Frames whose numbers have the byte order of another machine."""

from __future__ import annotations

from typing import Any


def native_byte_order(X: Any) -> Any:
    """A frame of pandas with numbers in the byte order of this machine, as pandas needs it.

    Files of instruments and of old programs may have another order. Other inputs stay unchanged.
    """
    dtypes = getattr(X, "dtypes", None)
    if not hasattr(X, "iloc") or not hasattr(X, "columns") or dtypes is None:
        return X
    order = [getattr(dtype, "byteorder", "=") for dtype in dtypes]
    if all(mark in "=|" for mark in order):
        return X
    return X.astype(
        {
            X.columns[j]: dtypes.iloc[j].newbyteorder("=")
            for j, m in enumerate(order)
            if m not in "=|"
        }
    )
