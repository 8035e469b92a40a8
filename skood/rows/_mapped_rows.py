"""Rows of a memory-mapped file: the process releases the pages that it has read."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ._stored_rows import StoredRows

# So much of the file stays in the process before it is released. The system would take the pages
# back under pressure, but until then they count as memory of the process.
_HELD_BYTES = 1 << 24
# Rows picked at a time. A touched page brings its neighbours along: 64 KiB in all, and up to 2 MiB
# where the system keeps files in large pages, as recent versions of Linux do.
_PICKED = 32


class MappedRows(StoredRows):
    """Rows of a memory map.

    Parameters
    ----------
    array : memmap or ndarray of shape (n, d)
        The rows. Without a `path` a pickle holds all of them.
    path : str or None, default=None
        The .npy file of the map. A pickle holds the path alone; loading maps the file again.
    """

    def __init__(self, array: NDArray[Any], path: str | None = None) -> None:
        origin = path or str(getattr(array, "filename", None) or "a memory map")
        super().__init__(array.shape, array.dtype, origin)
        self.path = path
        self._hold(array)

    def _hold(self, array: NDArray[Any]) -> None:
        self._mapping = find_mapping(array)
        self._array = np.asarray(array)
        self._start = self._needed = 0  # offsets in the mapping: the start and the end of the rows
        if self._mapping is not None:
            whole = _address(np.frombuffer(self._mapping, "u1"))
            low = high = _address(self._array)
            if array.size:
                low, high = np.lib.array_utils.byte_bounds(self._array)
            self._start, self._needed = low - whole, high - whole
        shared = getattr(array, "mode", None) != "c"  # private changes must not be dropped
        self._releases = shared and hasattr(mmap, "MADV_DONTNEED") and self._mapping is not None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_mapping", "_start", "_needed", "_releases"):
            del state[name]
        state["_array"] = np.array(self._array) if self.path is None else None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        array = self._array
        if self.path is not None and self._became_named_rows(self.path):
            return
        if self.path is not None:
            array = map_file(self.path)
            if array.shape != self.shape:
                raise ValueError(
                    f"{self.path} held rows of shape {self.shape} when it was opened. Got "
                    f"{array.shape} instead."
                )
        self._hold(array)

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        self._check_length()
        if self._releases:
            held = getattr(self._local, "held", (start, start))
            near = held[1] == start and (start - held[0]) * self._row_bytes() < _HELD_BYTES
            if not near:
                self._release(*held)
            self._local.held = (held[0] if near else start, stop)
        return self._array[start:stop]

    def _block(self, start: int, stop: int) -> NDArray[Any]:
        return self._floats(self._read(start, stop))  # the file needs no piece in memory

    def _gather(self, positions: NDArray[np.intp], out: NDArray[Any]) -> None:
        self._check_length()
        for part in slices(len(positions), _PICKED):
            picked = positions[part]
            out[part] = self._floats(self._array[picked])
            self._release(int(picked[0]), int(picked[-1]) + 1)

    def _row_bytes(self) -> int:
        # At least what a row holds: in the order of columns, rows lie one value apart.
        return max(1, abs(self._array.strides[0]), self._array.itemsize * self.shape[1])

    def _release(self, start: int, stop: int) -> None:
        """Release the pages of these rows; touching them reads them again."""
        if not self._releases or self._mapping is None or start >= stop:
            return
        low, high = self._start, self._needed
        if self._array.flags.c_contiguous:
            low, high = (self._start + row * self._row_bytes() for row in (start, stop))
        low = low // mmap.PAGESIZE * mmap.PAGESIZE
        self._mapping.madvise(mmap.MADV_DONTNEED, low, high - low)

    def _check_length(self) -> None:
        """Raise if the file has been cut: touching a page behind its end would kill the process."""
        if self._mapping is None:
            return
        try:
            size = self._mapping.size()
        except OSError:  # the file was deleted; the map keeps its content
            return
        if size < self._needed:
            raise ValueError(
                f"{self.origin} must hold {self.shape[0]} rows. Got a file of {size} bytes that "
                f"ends before byte {self._needed}, where they end."
            )


def find_mapping(array: Any) -> mmap.mmap | None:
    """The memory map that an array is a view of; None where it is in memory."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array


def map_file(path: str) -> NDArray[Any]:
    """The array of a .npy file, as a memory map."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} must be a .npy file of numbers with all rows that its header names. "
            f"Got a file of {Path(path).stat().st_size} bytes: {error}"
        ) from error


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
