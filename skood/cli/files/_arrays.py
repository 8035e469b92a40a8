"""Files of NumPy, .npy and .npz, read in blocks."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...measures.blocks import slices
from ._blocks import Block, block_length
from ._errors import OptionError, TableError, listed
from ._row_layout import RowLayout

_USUAL_NAME = "X"
# Also what zipfile says of bytes that stand for another way of packing, or for a password.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class _Header(NamedTuple):
    shape: tuple[int, ...]
    by_columns: bool  # in memory, columns lie together
    dtype: np.dtype


class ArraySource:
    """The array of a .npy file, or one of a .npz file: "X" or the only one, unless it is named."""

    row_name = "row"
    columns = None

    def __init__(self, path: Path, name: str, *, array: str | None = None) -> None:
        self.path, self.name = path, name
        self._member = self._find_member(array) if path.suffix == ".npz" else None
        with self._open() as file:
            self._header = self._read_header(file)
        if self._header.dtype.kind not in "biuf" or len(self._header.shape) < 2:
            raise TableError(
                f"{self.name} must hold numbers in rows of one length. Got an array of shape "
                f"{self._header.shape} of the type {self._header.dtype} instead."
            )
        self.expected_rows, *shape = self._header.shape
        self.shape = tuple(shape)

    def blocks(self, layout: RowLayout, length: int | None = None, first_row: int = 0) -> Iterator:
        """The rows in blocks; see `CsvSource.blocks`."""
        with self._reader() as read:
            for part in slices(self.expected_rows, length or block_length(layout.width)):
                rows = read(part)
                if part.start >= first_row:
                    yield Block(_as_floats(rows), None, part.start)

    def whole_array(self) -> NDArray[Any]:
        """All rows."""
        if not self.expected_rows:
            raise TableError(f"{self.name} has no rows.")
        with self._open() as file:
            header = self._read_header(file)
            if not header.by_columns:
                return _as_floats(self._read_rows(file, header, self.expected_rows))
            shape = header.shape[::-1]
            flat = self._read_rows(file, header._replace(shape=(shape[0], *shape[1:])), shape[0])
            return _as_floats(flat.T)

    @contextmanager
    def _reader(self) -> Iterator[Callable[[slice], NDArray[Any]]]:
        """A function that reads the rows of a slice; slices follow each other."""
        with self._open() as file:
            header = self._read_header(file)
            if not header.by_columns or not self.expected_rows:
                yield lambda part: self._read_rows(file, header, part.stop - part.start)
            elif self._member is not None:  # compressed: there is no way to some rows alone
                yield self.whole_array().__getitem__
            else:
                yield self._map(file)

    def _map(self, file: IO[bytes]) -> Callable[[slice], NDArray[Any]]:
        """A reader of a memory map. In Fortran order each column of a block is in another place."""
        try:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise self._cut_short() from error
        needed = mapped.offset + mapped.nbytes

        def read(part: slice) -> NDArray[Any]:
            if os.fstat(file.fileno()).st_size < needed:  # to touch a page that is gone kills
                raise self._cut_short()
            return mapped[part]

        return read

    def _find_member(self, array: str | None) -> str:
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [
                    name.removesuffix(".npy")
                    for name in archive.namelist()
                    if name.endswith(".npy")
                ]
        except zipfile.BadZipFile as error:
            raise TableError(f"{self.name} is not a .npz file, or is damaged.") from error
        chosen = array or (names[0] if len(names) == 1 else _USUAL_NAME)
        if chosen not in names:
            raise OptionError(
                f"{self.name} has no array {chosen!r}: name one of {listed(names, 20)} with "
                "--array."
            )
        return f"{chosen}.npy"

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self._member is None:
            with self.path.open("rb") as file:
                yield file
            return
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._member) as file:
                yield file
        except _DAMAGED as error:
            raise TableError(f"{self.name} is damaged.") from error

    def _read_header(self, file: IO[bytes]) -> _Header:
        try:
            version = np.lib.format.read_magic(file)
            if version == (1, 0):
                return _Header(*np.lib.format.read_array_header_1_0(file))
            return _Header(*np.lib.format.read_array_header_2_0(file))
        except ValueError as error:
            raise TableError(f"{self.name} is not a .npy file, or is damaged.") from error

    def _read_rows(self, file: IO[bytes], header: _Header, count: int) -> NDArray[Any]:
        shape = (count, *header.shape[1:])
        wanted = int(np.prod(shape, dtype=np.int64)) * header.dtype.itemsize
        content = file.read(wanted)
        if len(content) < wanted:
            raise self._cut_short()
        return np.frombuffer(content, header.dtype).reshape(shape)

    def _cut_short(self) -> TableError:
        return TableError(f"{self.name} is cut short: it ends before its last row.")


def _as_floats(rows: NDArray[Any]) -> NDArray[Any]:
    """float32 and float64 stay, in the byte order of this machine; other types become floats."""
    kind = np.float32 if rows.dtype in (np.float32, np.float16) else np.float64
    return np.ascontiguousarray(rows, dtype=kind)
