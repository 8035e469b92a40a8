"""Parquet files, read in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...preprocessing.table_columns import RawColumn
from ._blocks import LARGEST, Block, block_length, numbered, rechunked
from ._errors import TableError, check_names
from ._raw_columns import block_of, raw_columns
from ._row_layout import RowLayout

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetSource:
    """A Parquet file. `own_index` lists the columns that are the row index of a frame of pandas."""

    row_name = "row"
    is_text = False
    unnamed: Sequence[str] = ()
    gaps: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.path, self.name = path, path.name
        try:
            with parquet.ParquetFile(path) as file:
                self.columns = list(file.schema_arrow.names)
                self.expected_rows = file.metadata.num_rows
                self.own_index = _own_index(file.schema_arrow.pandas_metadata)
        except pa.ArrowException as error:
            raise TableError(f"{self.name} is not a Parquet file, or is damaged.") from error
        check_names(self.name, self.columns)

    def blocks(self, layout: RowLayout, length: int | None = None, first_row: int = 0) -> Iterator:
        """The rows in blocks; see `CsvSource.blocks`."""
        columns = list(layout.features)
        if layout.id_column in self.columns:
            columns.append(str(layout.id_column))
        length = length or block_length(layout.width)
        tables = rechunked(self._batches(columns, length), length)

        def make(table: pa.Table, start: int) -> Block:
            return block_of(self.name, layout, table, start)

        return numbered(tables, first_row, make)

    def whole_table(self, columns: list[str]) -> pa.Table:
        """All rows of some columns."""
        import pyarrow as pa

        batches = list(self._batches(columns, 1 << 16))
        if not batches:
            raise TableError(f"{self.name} has no rows.")
        return pa.Table.from_batches(batches)

    def sample(self, columns: list[str]) -> list[RawColumn]:
        """The first rows of some columns."""
        import pyarrow as pa

        first = next(self._batches(columns, LARGEST), None)
        if first is None:
            return []
        return raw_columns(pa.Table.from_batches([first]), is_text_file=False, gaps=())

    def raw_columns(self, columns: list[str]) -> list[RawColumn]:
        """All rows of some columns, for the decisions on them."""
        return raw_columns(self.whole_table(columns), is_text_file=self.is_text, gaps=self.gaps)

    def _batches(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                yield from file.iter_batches(batch_size=length, columns=columns)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise TableError(f"{self.name} is damaged.") from error


def _own_index(about: dict[str, Any] | None) -> list[str]:
    """The columns that pandas has made of a frame's index; others in its words are ranges."""
    return [name for name in (about or {}).get("index_columns", []) if isinstance(name, str)]
