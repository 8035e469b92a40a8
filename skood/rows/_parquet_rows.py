"""Rows of Parquet files, decoded a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ..measures.arguments import shown
from ._stored_rows import StoredRows, check_numbers

_NEEDED_BY = "Reading rows of Parquet files"


class ParquetRows(StoredRows):
    """Rows of one Parquet file, or of several files with equal columns, one after the other.

    A pickle holds the files' names alone, and `path`: the file, or the folder of the files. A
    single column of lists of numbers, all of one length, gives a column for each place in the list.
    """

    def __init__(
        self, paths: Sequence[str], path: str, columns: Sequence[str] | None = None
    ) -> None:
        self._parquet = _pyarrow_parquet()
        self.paths, self.path = list(paths), path
        files = [self._parquet.ParquetFile(path) for path in self.paths]
        schema = files[0].schema_arrow
        self._names = _names_in(schema, columns, self.paths[0])
        for file, path in zip(files, self.paths, strict=True):
            types = [_type_in(file.schema_arrow, name) for name in self._names]
            if types != [_type_in(schema, name) for name in self._names]:
                raise ValueError(
                    f"{path} must have the columns of {self.paths[0]}, {self._names}, of the same "
                    f"types. Got {types} instead."
                )
        sizes = [
            file.metadata.row_group(group).num_rows
            for file in files
            for group in range(file.metadata.num_row_groups)
        ]
        self._groups = [
            (path, group)
            for path, file in zip(self.paths, files, strict=True)
            for group in range(file.metadata.num_row_groups)
        ]
        self._ends = np.cumsum([0, *sizes], dtype=np.int64)
        self._is_list = len(self._names) == 1 and hasattr(types[0], "value_type")
        width = len(self._names)
        if self._is_list:
            width = max(0, getattr(types[0], "list_size", -1)) or self._first_length()
        dtype = _common_type(types, self._names, self.paths[0], is_list=self._is_list)
        super().__init__((int(self._ends[-1]), width), dtype, self.paths[0])
        if not self._is_list:
            self.columns = self._names

    def empty_frame(self) -> Any:
        """No rows, with these columns: an Arrow table where they have names."""
        if self.columns is None:
            return super().empty_frame()
        schema = self._parquet.read_schema(self.paths[0])
        return schema.empty_table().select(self._names)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_parquet"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not self._became_named_rows(state.get("path", self.paths[0])):
            self._parquet = _pyarrow_parquet()

    def _read(self, start: int, stop: int) -> NDArray:
        """Rows of the next batches, or of the batches from the row group of `start` on."""
        position, batches = getattr(self._local, "cursor", (-1, iter(())))
        group = int(np.searchsorted(self._ends, start, side="right")) - 1
        if not self._ends[group] <= position <= start:
            position, batches = int(self._ends[group]), self._batches(group)
        parts: list[NDArray] = []
        while position < stop:
            batch = next(batches)
            end = position + len(batch)
            if end > start:
                parts.append(batch[max(0, start - position) : stop - position])
            if end > stop:  # the rest of the batch comes next
                batches = _chained(batch[stop - position :], batches)
                end = stop
            position = end
        self._local.cursor = position, batches
        return np.concatenate(parts) if parts else np.empty((0, self.shape[1]))

    def _batches(self, first_group: int) -> Iterator[NDArray]:
        size = self._piece_rows()
        for path, group in self._groups[first_group:]:
            with self._parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(
                    batch_size=size, row_groups=[group], columns=self._names, use_threads=False
                ):
                    yield self._array(batch)

    def _array(self, batch: Any) -> NDArray:
        if self._is_list:
            values = batch.column(0).flatten().to_numpy(zero_copy_only=False)
            lengths = np.diff(_offsets(batch.column(0), self.shape[1]))
            if batch.column(0).null_count or (lengths != self.shape[1]).any():
                raise ValueError(
                    f"The lists of column {self._names[0]!r} of {self.origin} must all have "
                    f"{self.shape[1]} values. Got a list with another number."
                )
            return values.reshape(-1, self.shape[1])
        columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
        return np.column_stack(columns)

    def _first_length(self) -> int:
        for path in self.paths:
            with self._parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=1, columns=self._names):
                    return len(batch.column(0)[0])
        return 0


def _pyarrow_parquet() -> Any:
    return import_optional("pyarrow.parquet", "io", needed_by=_NEEDED_BY)


def _chained(first: NDArray, rest: Iterator[NDArray]) -> Iterator[NDArray]:
    yield first
    yield from rest


def _names_in(schema: Any, columns: Sequence[str] | None, path: str) -> list[str]:
    names = list(schema.names if columns is None else columns)
    if isinstance(columns, str) or not names or not set(names) <= set(schema.names):
        raise ValueError(
            f"The 'columns' parameter of open_rows must be a list of columns of {path}, which are "
            f"{schema.names}. Got {shown(columns)} instead."
        )
    return names


def _type_in(schema: Any, name: str) -> Any:
    return schema.field(name).type if name in schema.names else None


def _common_type(types: Sequence[Any], names: list[str], path: str, *, is_list: bool) -> np.dtype:
    dtypes = []
    for kind, name in zip(types, names, strict=True):
        number = kind.value_type if is_list else kind
        try:
            dtype = np.dtype(number.to_pandas_dtype())
        except (NotImplementedError, TypeError):
            dtype = np.dtype(object)
        check_numbers(dtype, f"column {name!r} of {path} ({kind})")
        dtypes.append(dtype)
    return dtypes[0] if len(set(dtypes)) == 1 else np.dtype(np.float64)


def _offsets(column: Any, width: int) -> NDArray:
    """The start and end of each list of a column among its values."""
    if hasattr(column, "offsets"):
        return column.offsets.to_numpy()
    return np.arange(len(column) + 1) * width
