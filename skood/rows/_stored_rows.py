"""Rows on disk with the few array operations that a search or a sum needs."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..measures.blocks import slices

PIECE_BYTES = 1 << 23  # read at a time where small blocks of rows follow each other
_NUMBERS = "fiub"
# While a file of `skood.save` is loaded: gives the rows that the caller names for a stored path, or
# None. A pickle may open any file anyway.
NAMED_ROWS: ContextVar[Callable[[Any, str], Any] | None] = ContextVar("named rows", default=None)


class StoredRows(ABC):
    """Rows of numbers that are not in memory: slicing reads them.

    Estimators that can read their rows block by block take such an object as X; `open_rows` makes
    one of a file. Slices, and rows picked by an array of positions, are plain arrays in C order.
    ``numpy.asarray`` reads all rows.

    Attributes
    ----------
    shape : tuple of two ints
        Number of rows and of columns.
    dtype : dtype
        The type of the rows that are read: float32 if the file holds float32, else float64.
    columns : list of str or None
        Names of the columns, where the file has them.
    """

    ndim = 2
    columns: list[str] | None = None
    finite = False  # True once all values are known to be neither NaN nor infinite
    _aligned = 1  # rows that are stored together

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, origin: str) -> None:
        check_numbers(dtype, origin)
        if len(shape) != 2:
            raise ValueError(
                f"Rows on disk must have two axes, rows and columns. Got {origin} of shape "
                f"{tuple(shape)} instead."
            )
        self.shape = (int(shape[0]), int(shape[1]))
        self.dtype = np.dtype(np.float32 if dtype == np.float32 else np.float64)
        self.origin = origin
        self._local = threading.local()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def itemsize(self) -> int:
        """Bytes of a value that is read."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all values when they are read."""
        return self.shape[0] * self.shape[1] * self.itemsize

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.origin} {self.shape} {self.dtype}>"

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Self:  # noqa: ARG002
        """The same rows, read as another type of float."""
        if np.dtype(dtype) == self.dtype:
            return self
        other = self._same()
        other.dtype = np.dtype(dtype)
        other.finite = False
        return other

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if isinstance(key, tuple):
            rows, columns = key
            return np.ascontiguousarray(self[rows][..., columns])
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                return self._block(start, max(start, stop))
            key = np.arange(start, stop, step)
        key = np.asarray(key)
        if key.dtype == bool:
            key = np.flatnonzero(key)
        return self.take(key)

    def take(self, positions: ArrayLike, axis: int = 0) -> NDArray[Any]:  # noqa: ARG002
        """Rows at an array of positions. One pass through the file reads each row once."""
        positions = np.asarray(positions, dtype=np.intp)
        if positions.size and not (-len(self) <= positions.min() <= positions.max() < len(self)):
            raise IndexError(f"positions must be below the {len(self)} rows of {self.origin}")
        unique, place = np.unique(positions % max(1, len(self)), return_inverse=True)
        rows = np.empty((len(unique), self.shape[1]), dtype=self.dtype)
        self._gather(unique, rows)
        if len(unique) == positions.size and np.array_equal(unique, positions):
            return rows
        return rows[place.reshape(positions.shape)]

    def blocks(self, size: int | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
        """All rows in blocks, each block with the position of its first row."""
        for part in slices(len(self), size or self._piece_rows()):
            yield part.start, self[part]

    def part(self, rows: slice) -> Any:
        """Some of the rows as an index takes them: an array, or rows that stay on a device."""
        return self[rows]

    def first_not_finite(self) -> int | None:
        """Position of the first row with NaN or infinity; None if there is no such row."""
        for start, block in self.blocks():
            if not np.isfinite(block).all():
                return start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
        return None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"{self!r} is not in memory: an array of its rows is a copy.")
        rows = np.empty(self.shape, dtype=self.dtype)
        for start, block in self.blocks():
            rows[start : start + len(block)] = block
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def empty_frame(self) -> Any:
        """A table of these columns without rows, for checks of their number and names."""
        return np.empty((0, self.shape[1]))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:  # it never changes
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_local"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = threading.local()

    def _became_named_rows(self, path: str) -> bool:
        """Become the rows that the caller of `skood.load` names; False in a pickle."""
        named = NAMED_ROWS.get()
        if named is None:
            return False
        rows = named(self, path)
        if rows is not None:
            self.__class__, self.__dict__ = type(rows), dict(vars(rows))
        return True

    @abstractmethod
    def _read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows from `start` to before `stop`, in the type and order of the file."""

    def _block(self, start: int, stop: int) -> NDArray[Any]:
        """Rows from `start` to before `stop`, from a larger piece that the thread keeps."""
        if stop - start >= 2 * self._piece_rows():
            return self._floats(self._read(start, stop))
        first, piece = getattr(self._local, "piece", (0, np.empty((0, self.shape[1]), self.dtype)))
        end = first + len(piece)
        if not first <= start <= end or start == end:
            first = end = start // self._aligned * self._aligned
            piece = piece[:0]
        if stop > end:  # the rest of the piece and the rows after it
            upto = min(len(self), max(stop, end + self._piece_rows()))
            more = self._floats(self._read(end, upto))
            first, piece = max(first, min(start, end)), piece[max(0, start - first) :]
            piece = np.concatenate([piece, more]) if len(piece) else more
            piece.flags.writeable = False  # writing into a block must not change the next
            self._local.piece = first, piece
        return piece[start - first : stop - first]

    def _piece_rows(self) -> int:
        rows = max(1, PIECE_BYTES // (self.itemsize * max(1, self.shape[1])))
        return -(-rows // self._aligned) * self._aligned

    def _gather(self, positions: NDArray[np.intp], out: NDArray[Any]) -> None:
        """Write the rows at ascending positions to `out`, piece by piece."""
        done = 0
        while done < len(positions):
            start = int(positions[done]) // self._aligned * self._aligned
            stop = min(len(self), start + self._piece_rows())
            upto = int(np.searchsorted(positions, stop))
            out[done:upto] = self._block(start, stop)[positions[done:upto] - start]
            done = upto

    def _floats(self, rows: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore"):  # the check of rows finds an inf
            return np.ascontiguousarray(rows, dtype=self.dtype)

    def _same(self) -> Self:
        other = copy.copy(self)
        other._local = threading.local()
        return other


def check_numbers(dtype: np.dtype, origin: str) -> None:
    """Raise unless the type holds real numbers."""
    if dtype.kind not in _NUMBERS or dtype.hasobject:
        raise ValueError(
            f"Rows on disk must be of floats, whole numbers or booleans. Got {origin} of type "
            f"{dtype} instead."
        )
