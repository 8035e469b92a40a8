"""CSV files, read in blocks."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._blocks import Block, block_length, numbered, rechunked
from ._csv_fault import csv_fault, wrong_encoding
from ._errors import TableError, listed
from ._row_layout import RowLayout
from ._values import MISSING, block_of, without_missing

if TYPE_CHECKING:
    import pyarrow as pa

_PIECE = 1 << 20  # bytes that are parsed at a time; the parser reads about 32 pieces ahead


class CsvSource:
    """A CSV file. Without a header its columns are "x0", "x1", ...

    The first column is "column 1" if it has no name. `unnamed` lists the columns without one.
    """

    row_name = "row"
    is_text = True  # only the values tell which columns hold numbers

    def __init__(
        self, path: Path, *, encoding: str = "utf-8", delimiter: str = ",", header: bool = True
    ) -> None:
        self.path, self.name = path, path.name
        self.encoding, self.delimiter, self.header = encoding, delimiter, header
        self.unnamed: list[str] = []
        head = _first_bytes(path)
        self._check_encoding(head)
        self.columns = self._read_columns()
        self._bytes_a_line = len(head) / max(1, head.count(b"\n"))

    @property
    def expected_rows(self) -> int:
        """The number of rows, estimated from the length of the first lines."""
        lines = self.path.stat().st_size / self._bytes_a_line
        return max(1, round(lines) - self.header)

    def blocks(self, layout: RowLayout, length: int | None = None, first_row: int = 0) -> Iterator:
        """The rows in blocks of `length`, or by their width. `first_row` skips whole blocks."""
        import pyarrow as pa

        types = dict.fromkeys(layout.numbers, pa.float64())
        types |= dict.fromkeys(layout.categories, pa.string())
        if layout.id_column in self.columns:
            types[layout.id_column] = pa.string()
        tables = rechunked(
            self._batches(types, layout.numbers), length or block_length(layout.width)
        )

        def make(table: pa.Table, start: int) -> Block:
            for column in layout.categories:
                place = table.schema.get_field_index(column)
                table = table.set_column(place, column, without_missing(table[column]))
            return block_of(self.name, layout, table, start)

        return numbered(tables, first_row, make)

    def whole_table(self, columns: list[str]) -> pa.Table:
        """All rows of some columns, as text."""
        import pyarrow as pa

        types = dict.fromkeys(columns, pa.string())
        batches = list(self._batches(types, ()))
        if not batches:
            raise TableError(f"{self.name} has no rows.")
        return pa.Table.from_batches(batches)

    def _batches(
        self, types: dict[str, pa.DataType], numbers: tuple[str, ...]
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        try:
            with self.reader(types) as reader:
                yield from reader
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise TableError(csv_fault(self, numbers, error)) from error

    @contextmanager
    def reader(
        self,
        types: dict[str, pa.DataType],
        *,
        bad_row: Callable[[Any], str] | None = None,
    ) -> Iterator[Any]:
        """Open the file; `bad_row` gets each row of the wrong length, with its number."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        read = arrow_csv.ReadOptions(
            use_threads=bad_row is None,
            block_size=_PIECE,
            column_names=self.columns,
            skip_rows_after_names=int(self.header),
            encoding=self.encoding,
        )
        parse = arrow_csv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=bad_row
        )
        convert = arrow_csv.ConvertOptions(
            include_columns=list(types), column_types=types, null_values=list(MISSING)
        )
        with (
            pa.OSFile(str(self.path)) as file,
            arrow_csv.open_csv(
                file, read_options=read, parse_options=parse, convert_options=convert
            ) as reader,
        ):
            yield reader

    def _check_encoding(self, head: bytes) -> None:
        if not head.strip():
            raise TableError(f"{self.name} is empty.")
        if self.encoding in ("utf-8", "utf-8-sig"):
            if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise TableError(
                    f"{self.name} is encoded as utf-16, not as {self.encoding}: add --encoding "
                    "utf-16."
                )
            if b"\0" in head:
                raise TableError(
                    f"{self.name} holds zero bytes, which {self.encoding} has not: it is no CSV "
                    "file, or has another encoding, to be named with --encoding."
                )

    def _read_columns(self) -> list[str]:
        encoding = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        try:
            # Later lines with errors are reported with their number, when they are read.
            with self.path.open(encoding=encoding, newline="", errors="replace") as file:
                first = next((row for row in csv.reader(file, delimiter=self.delimiter) if row), [])
        except csv.Error as error:
            raise TableError(f"The first line of {self.name} cannot be read: {error}.") from error
        if any("\N{REPLACEMENT CHARACTER}" in name for name in first):
            raise TableError(wrong_encoding(self, " in its first line"))
        if not self.header:
            return [f"x{j}" for j in range(len(first))]
        names = [name or f"column {j}" for j, name in enumerate(first, start=1)]
        self.unnamed = [name for name, written in zip(names, first, strict=True) if not written]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise TableError(f"{self.name} has several columns with the name {listed(twice)}.")
        self._check_header(names)
        return names

    def _check_header(self, names: list[str]) -> None:
        if all(_is_number(name) for name in names):
            raise TableError(
                f"The first line of {self.name} has numbers instead of names of columns: add "
                "--no-header if it is a row."
            )
        for other in {";", "\t", ","} - {self.delimiter}:
            if len(names) == 1 and other in names[0]:
                raise TableError(
                    f"The first line of {self.name} has no {self.delimiter!r}, but {other!r}: add "
                    f"--delimiter {'tab' if other == chr(9) else repr(other)}."
                )


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_PIECE)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
