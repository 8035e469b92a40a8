"""The first fault of a CSV file, found by reading it once more."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from ...preprocessing.table_findings import counted, shortened
from ...preprocessing.table_values import ColumnError, typed_values
from ._csv_quotes import quote_fault
from ._raw_columns import text_column
from ._row_layout import RowLayout
from ._values import is_text, without_missing

if TYPE_CHECKING:
    import pyarrow as pa


class CsvText(Protocol):
    """The part of a `CsvSource` that describing a fault takes."""

    name: str
    encoding: str
    header: bool
    columns: list[str]
    gaps: tuple[str, ...]

    def open_text(self) -> AbstractContextManager[Iterable[str]]:
        """The lines of the rows, with marks where bytes are no text."""

    def reader(self, types: dict[str, Any], *, bad_row: Any = None) -> AbstractContextManager[Any]:
        """A reader of the columns in these types."""


def csv_fault(source: CsvText, layout: RowLayout, error: Exception) -> str:
    """Describe the first fault of a file that cannot be read, in one sentence.

    It names the row and the column if it finds them, else it has the message of the reader.
    """
    if isinstance(error, UnicodeError):
        return wrong_encoding(source, "")
    fault = quote_fault(source) or _first_fault(source, layout)
    if not fault and "straddling" in str(error):  # two of the reader's pieces
        return f"{source.name} has a row that is very long, or a quote that does not end."
    return fault or f"{source.name} cannot be read: {_in_one_line(error)}."


def _first_fault(source: CsvText, layout: RowLayout) -> str | None:
    """Read the rows as bytes, which fails for rows of the wrong length only.

    Where bytes are no text, pyarrow prints a traceback in place of a call of `bad_row`.
    """
    import pyarrow as pa

    ragged: list[Any] = []

    def bad_row(row: Any) -> str:
        ragged.append(row)
        return "error"

    start = 0
    with source.open_text() as lines:
        decodes = not any("\ufffd" in line for line in lines)
    types = dict.fromkeys(source.columns, pa.binary())
    try:
        with source.reader(types, bad_row=bad_row if decodes else None) as reader:
            for batch in reader:
                fault = _fault_of(source, batch, layout, start)
                if fault:
                    return fault
                start += len(batch)
    except (pa.ArrowInvalid, UnicodeError) as error:
        if ragged:
            return _ragged(source, ragged[0])
        if isinstance(error, UnicodeError) or not decodes:
            return wrong_encoding(source, "")
    return None


def _fault_of(source: CsvText, batch: pa.RecordBatch, layout: RowLayout, start: int) -> str | None:
    """The first fault in a batch, column by column."""
    import pyarrow as pa

    for column, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            texts = values.cast(pa.string())
        except pa.ArrowInvalid:
            row = next(i for i, value in enumerate(values) if not _is_utf8(value.as_py()))
            return wrong_encoding(source, f", first in row {start + row + 1:,}")
        if column in layout.numbers and is_text(texts.type):
            try:
                texts = without_missing(texts, source.gaps)
                typed_values(text_column(column, texts), layout.column(column))
            except ColumnError as error:
                return error.sentence(source.name, start)
    return None


def _ragged(source: CsvText, row: Any) -> str:
    where = "A row" if row.number is None else f"Row {row.number - source.header:,}"
    return (
        f"{where} of {source.name} has {counted(row.actual_columns, 'value')} for "
        f"{counted(row.expected_columns, 'column')}: {shortened(row.text)!r}."
    )


def wrong_encoding(source: CsvText, where: str) -> str:
    """The sentence on text of another encoding; `where` is the place, or empty."""
    return (
        f"{source.name} is not encoded as {source.encoding}{where}: name its encoding, such as "
        "--encoding cp1252."
    )


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
