"""CSV files, read in blocks."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...preprocessing.table_columns import RawColumn
from ...preprocessing.table_findings import Finding
from ...preprocessing.table_numbers import MISSING
from ._blocks import Block, block_length, numbered, rechunked
from ._csv_fault import csv_fault, wrong_encoding
from ._csv_quotes import quote_fault
from ._encodings import UTF_8, foreign_bytes, is_utf_8, likely_encoding, marked_encoding
from ._errors import TableError, check_names
from ._raw_columns import block_of, raw_columns
from ._row_layout import RowLayout
from ._streams import ByteStream, codec_of, first_bytes, text_lines
from ._values import is_text, without_missing

if TYPE_CHECKING:
    import pyarrow as pa

_PIECE = 1 << 20  # bytes that are parsed at a time; the parser reads about 32 pieces ahead
_DELIMITERS = (",", ";", "\t", "|")
_FIRST_ROWS = 20  # that tell the delimiter


class CsvSource:
    """A CSV file. Without a header its columns are "x0", "x1", ...

    The first column is "column 1" if it has no name. `unnamed` lists the columns without one.
    Without a `delimiter` it is the `usual` one, unless the first rows have another. `gaps` are
    further texts for a missing value, and `notes` are decisions that may surprise. If the text is
    not UTF-8, it is read in the likely encoding, and `doubt` is the question for the encoding.
    """

    row_name = "row"
    is_text = True  # only the values tell which columns hold numbers
    own_index: Sequence[str] = ()

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        encoding: str = "utf-8",
        delimiter: str | None = None,
        header: bool = True,
        usual: str = ",",
        gaps: Sequence[str] = (),
    ) -> None:
        self.path, self.name = path, name
        self.encoding, self.header, self.gaps = encoding, header, (*MISSING, *gaps)
        self.unnamed: list[str] = []
        self.notes: list[str] = []
        self._header_quotes = 0
        self.doubt: Finding | None = None  # of the encoding
        head, n_bytes = first_bytes(path, self.name, _PIECE)
        self._find_encoding(head)
        self._skipped, told = self._before_header()
        self.delimiter = delimiter or told or self._find_delimiter(usual)
        self.columns = self._read_columns()
        if len(self.columns) == 1 and b"\r\r\n" in head:
            raise TableError(
                f"{self.name} ends its lines with \\r\\r\\n, so that every second one is blank: "
                "write it with one line end."
            )
        self._piece = max(_PIECE, 8 * sum(map(len, self.columns)))  # it holds a whole row
        self._bytes_a_line = n_bytes / max(1, head.count(b"\n"))

    @property
    def expected_rows(self) -> int:
        """The number of rows, estimated from the length of the first lines."""
        lines = self.path.stat().st_size / self._bytes_a_line
        return max(1, round(lines) - self.header)

    def blocks(self, layout: RowLayout, length: int | None = None, first_row: int = 0) -> Iterator:
        """The rows in blocks of `length`, or by their width. `first_row` skips whole blocks."""
        import pyarrow as pa

        types: dict[str, pa.DataType] = dict.fromkeys(layout.features, pa.string())
        types |= {name: pa.float64() for name in layout.numbers if not layout.column(name).spelled}
        if layout.id_column in self.columns:
            types[layout.id_column] = pa.string()
        tables = rechunked(self._batches(types, layout), length or block_length(layout.width))

        def make(table: pa.Table, start: int) -> Block:
            for column in layout.features:
                if is_text(table[column].type):
                    values = without_missing(table[column], self.gaps)
                    table = table.set_column(table.column_names.index(column), column, values)
            return block_of(self.name, layout, table, start)

        return numbered(tables, first_row, make)

    def sample(self, columns: list[str]) -> list[RawColumn]:
        """The first rows of some columns; none if these rows cannot be read."""
        import pyarrow as pa

        head, _ = first_bytes(self.path, self.name, self._piece)
        if len(head) == self._piece:
            head = head[: head.rfind(b"\n") + 1]
        try:
            with self.reader(dict.fromkeys(columns, pa.string()), head=head) as reader:
                table = reader.read_all()
        except (pa.ArrowInvalid, UnicodeError):
            return []
        return raw_columns(table, is_text_file=True, gaps=self.gaps)

    def whole_table(self, columns: list[str]) -> pa.Table:
        """All rows of some columns, as text."""
        import pyarrow as pa

        types = dict.fromkeys(columns, pa.string())
        try:
            batches = list(self._batches(types, RowLayout()))
        except TableError:
            if not self._has_foreign_bytes():
                raise
            batches = list(self._batches(types, RowLayout()))
        if not batches:
            raise TableError(f"{self.name} has no rows.")
        return pa.Table.from_batches(batches)

    def raw_columns(self, columns: list[str]) -> list[RawColumn]:
        """All rows of some columns, for the decisions on them."""
        return raw_columns(self.whole_table(columns), is_text_file=self.is_text, gaps=self.gaps)

    def _batches(
        self, types: dict[str, pa.DataType], layout: RowLayout
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        n_rows = 0
        try:
            with self.reader(types) as reader:
                for batch in reader:
                    n_rows += len(batch)
                    yield batch
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise TableError(csv_fault(self, layout, error)) from error
        fault = quote_fault(self, n_rows)
        if fault:
            raise TableError(fault)

    @contextmanager
    def open_text(self) -> Iterator[Iterator[str]]:
        """Open the lines of the rows, after the header."""
        with text_lines(self.path, self.name, self.encoding, newline=None) as lines:
            for _ in range(self._skipped):
                next(lines)
            if self.header:
                next(csv.reader(lines, delimiter=self.delimiter), None)
            yield lines

    @contextmanager
    def open_bytes(self) -> Iterator[io.BufferedReader[Any]]:
        """Open the bytes, decompressed."""
        with io.BufferedReader(ByteStream(self.path, self.name), _PIECE) as file:
            yield file

    def has_quotes(self) -> bool:
        """Whether there is a quote below the header."""
        left = self._header_quotes
        with self.open_bytes() as file:
            for piece in iter(lambda: file.read(_PIECE), b""):
                left -= piece.count(b'"')
                if left < 0:
                    return True
        return False

    @property
    def n_before_rows(self) -> int:
        """The number of lines before the rows."""
        return self._skipped + self.header

    def is_row(self, line: str) -> bool:
        """Whether a line is a row: a blank line is a row only if a row is a single cell."""
        return len(self.columns) == 1 or line != "\n"

    @contextmanager
    def reader(
        self,
        types: dict[str, pa.DataType],
        *,
        bad_row: Callable[[Any], str] | None = None,
        head: bytes | None = None,
    ) -> Iterator[Any]:
        """Open the file or its head; `bad_row` gets rows of the wrong length, and their number."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        read = arrow_csv.ReadOptions(
            use_threads=bad_row is None,
            block_size=self._piece,
            skip_rows=self._skipped,
            column_names=self.columns,
            skip_rows_after_names=int(self.header),
            encoding=self.encoding,
        )
        parse = arrow_csv.ParseOptions(
            delimiter=self.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=len(self.columns) > 1,
            invalid_row_handler=bad_row,
        )
        convert = arrow_csv.ConvertOptions(
            include_columns=list(types), column_types=types, null_values=list(self.gaps)
        )
        packed = codec_of(self.path) is not None
        if head is not None:
            content = pa.BufferReader(head)
        elif packed:
            content = pa.PythonFile(ByteStream(self.path, self.name), mode="r")
        else:
            content = pa.OSFile(str(self.path))
        with (
            content as file,
            arrow_csv.open_csv(
                file, read_options=read, parse_options=parse, convert_options=convert
            ) as reader,
        ):
            yield reader

    def _find_encoding(self, head: bytes) -> None:
        """Read with the encoding that the first bytes name or suggest."""
        if not head.strip():
            raise TableError(f"{self.name} is empty.")
        is_unicode = self.encoding.startswith("utf")
        told = marked_encoding(head) or ("utf-8" if not is_unicode and is_utf_8(head) else None)
        if told is not None and self.encoding not in (told, f"{told}-sig"):
            if not self.encoding.startswith(told):  # with an order of bytes in its name
                self.notes.append(f"{self.name} is read with the encoding {told}")
            self.encoding = told
        if self.encoding not in UTF_8:
            return
        if b"\0" in head:
            raise TableError(
                f"{self.name} holds zero bytes: it is not a CSV file, or its encoding is not "
                f"{self.encoding}. Name its encoding with --encoding."
            )
        foreign = foreign_bytes([head], ends=False)
        if foreign:
            self.encoding, self.doubt = likely_encoding(foreign)

    def _has_foreign_bytes(self) -> bool:
        """Whether a later part of the file is not UTF-8; then read it in the likely encoding."""
        if self.encoding not in UTF_8:
            return False
        with self.open_bytes() as file:
            foreign = foreign_bytes(iter(lambda: file.read(_PIECE), b""))
        if foreign:
            self.encoding, self.doubt = likely_encoding(foreign)
        return bool(foreign)

    def _before_header(self) -> tuple[int, str | None]:
        """The number of lines before the header, and the delimiter that one of them names."""
        skipped, told = 0, None
        for line in self._first_lines():
            mark = line.strip().strip('"')
            if line[:4].lower() == "sep=" and line[4:].strip("\r\n") in _DELIMITERS:
                told = line[4]  # for a spreadsheet
            elif mark[:4].lower() == "sep=" and mark[4:] in _DELIMITERS:
                told = mark[4]
            elif mark:
                break
            skipped += 1
        return skipped, told

    def _first_lines(self, skipped: int = 0) -> Iterator[str]:
        with text_lines(self.path, self.name, self.encoding, newline="") as lines:
            yield from islice(lines, skipped, None)

    def _find_delimiter(self, usual: str) -> str:
        """The delimiter that divides the first rows evenly into most cells, or the usual one."""
        found, most = usual, 1
        for delimiter in (usual, *_DELIMITERS):
            lines = self._first_lines(self._skipped)
            rows = csv.reader(lines, delimiter=delimiter, strict=True)
            try:
                widths = {len(row) for row in islice(rows, _FIRST_ROWS) if row}
            except csv.Error:
                continue
            if len(widths) == 1 and max(widths) > most:
                found, most = delimiter, max(widths)
        if found != usual:
            shown = "a tab" if found == "\t" else repr(found)
            self.notes.append(f"{self.name} is read with the delimiter {shown}")
        return found

    def _read_columns(self) -> list[str]:
        rows = csv.reader(self._first_lines(self._skipped), delimiter=self.delimiter, strict=True)
        try:
            first = next(rows, [])
        except csv.Error as error:
            raise TableError(f"The first line of {self.name} cannot be read: {error}.") from error
        if any("\N{REPLACEMENT CHARACTER}" in name for name in first):
            raise TableError(wrong_encoding(self, " in its first line"))
        if any("\n" in name and self.delimiter in name for name in first):
            raise TableError(f"The first line of {self.name} has a quote that is not closed.")
        if not self.header:
            return [f"x{j}" for j in range(len(first))]
        head = islice(self._first_lines(), self._skipped + rows.line_num)
        self._header_quotes = "".join(head).count('"')
        names = [name if name.strip() else f"column {j}" for j, name in enumerate(first, start=1)]
        self.unnamed = [name for name, told in zip(names, first, strict=True) if not told.strip()]
        check_names(self.name, names)
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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
