"""Files whose columns have types, read in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...preprocessing.table_columns import RawColumn
from ._blocks import LARGEST, Block, block_length, numbered, rechunked
from ._errors import TableError, check_names
from ._raw_columns import block_of, raw_columns
from ._row_layout import RowLayout

if TYPE_CHECKING:
    import pyarrow as pa


class TypedSource(ABC):
    """A file whose columns have types: Parquet, Arrow, JSON lines.

    Each format has `_open`, which sets `columns` and the exact `expected_rows`, and `_pieces`.
    `own_index` lists the columns that are the row index of a frame of pandas.
    """

    format = "a file of rows"
    row_name = "row"
    is_text = False
    unnamed: Sequence[str] = ()
    gaps: tuple[str, ...] = ()
    own_index: Sequence[str] = ()
    doubt = None
    columns: list[str]
    expected_rows: int

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        with self._plain_faults():
            self._open()
        check_names(self.name, self.columns)

    @abstractmethod
    def _open(self) -> None:
        """Find the columns and the number of rows."""

    @abstractmethod
    def _pieces(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        """Some columns of all rows; at most `length` rows at a time, if the format allows."""

    def blocks(self, layout: RowLayout, length: int | None = None, first_row: int = 0) -> Iterator:
        """The rows in blocks; see `CsvSource.blocks`."""
        columns = list(layout.features)
        if layout.id_column in self.columns:
            columns.append(str(layout.id_column))
        length = length or block_length(layout.width)
        tables = rechunked(self._all_rows(columns, length), length)

        def make(table: pa.Table, start: int) -> Block:
            return block_of(self.name, layout, table, start)

        return numbered(tables, first_row, make)

    def whole_table(self, columns: list[str]) -> pa.Table:
        """All rows of some columns."""
        import pyarrow as pa

        batches = list(self._all_rows(columns, LARGEST))
        if not batches:
            raise TableError(f"{self.name} has no rows.")
        return pa.Table.from_batches(batches)

    def sample(self, columns: list[str]) -> list[RawColumn]:
        """The first rows of some columns."""
        import pyarrow as pa

        first = next(self._all_rows(columns, LARGEST), None)
        if first is None:
            return []
        return raw_columns(pa.Table.from_batches([first]), is_text_file=False, gaps=())

    def raw_columns(self, columns: list[str]) -> list[RawColumn]:
        """All rows of some columns, for the decisions on them."""
        return raw_columns(self.whole_table(columns), is_text_file=False, gaps=())

    def _all_rows(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        """Some columns of all rows, checked against the number that the file states."""
        n_rows = 0
        with self._plain_faults():
            for batch in self._pieces(columns, length):
                n_rows += len(batch)
                yield batch
        if n_rows != self.expected_rows:
            raise TableError(
                f"{self.name} is damaged: it has {n_rows:,} rows instead of {self.expected_rows:,}."
            )

    @contextmanager
    def _plain_faults(self) -> Iterator[None]:
        """One sentence for all errors of a reader."""
        import pyarrow as pa

        try:
            yield
        except UnicodeError as error:
            raise TableError(f"{self.name} is damaged: its text is not UTF-8.") from error
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError | pa.ArrowMemoryError):
                raise
            raise TableError(f"{self.name} is not {self.format}, or is damaged.") from error


def own_index_of(schema: pa.Schema) -> list[str]:
    """The columns in which pandas stored the index of a frame; ranges need no column."""
    try:
        names = schema.pandas_metadata["index_columns"]
        return [name for name in names if isinstance(name, str)]
    except (ValueError, TypeError, KeyError):  # not of pandas, or damaged
        return []
