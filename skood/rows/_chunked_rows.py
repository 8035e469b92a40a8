"""Rows of an array that is stored in chunks: Zarr, HDF5 and other arrays with slices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ._stored_rows import StoredRows


class ChunkedRows(StoredRows):
    """Rows of an array on disk (Zarr, h5py) with a shape, a type, chunks and slices.

    With the folder of a Zarr array in `path`, a pickle holds the path alone; loading opens the
    folder again. Else the array is pickled by its library.
    """

    def __init__(self, array: Any, path: str | None = None) -> None:
        origin = path or f"a {type(array).__module__.partition('.')[0]} array"
        super().__init__(array.shape, np.dtype(array.dtype), origin)
        self.path = path
        self._array = array
        chunks = getattr(array, "chunks", None)
        self._aligned = max(1, int(chunks[0])) if chunks else 1

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if self.path is not None:
            state["_array"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.path is not None and not self._became_named_rows(self.path):
            self._array = open_zarr(self.path)

    def _read(self, start: int, stop: int) -> NDArray:
        return np.asarray(self._array[start:stop])


def open_zarr(path: str) -> Any:
    """The array in a folder."""
    zarr = import_optional("zarr", "io", needed_by="Reading rows of a Zarr array")
    return zarr.open_array(path, mode="r")


def is_chunked(X: Any) -> bool:
    """Whether an object is such an array; a Dask array is not, since it has to be computed."""
    if isinstance(X, np.ndarray) or not hasattr(X, "chunks") or hasattr(X, "__dask_graph__"):
        return False
    return hasattr(X, "shape") and hasattr(X, "dtype") and hasattr(X, "__getitem__")
