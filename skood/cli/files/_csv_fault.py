"""The first fault of a CSV file, found by reading it once more."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from ._values import first_that_is_no_number, is_text, not_a_number, without_missing

if TYPE_CHECKING:
    import pyarrow as pa


class CsvText(Protocol):
    """The part of a `CsvSource` that describing a fault takes."""

    name: str
    encoding: str
    header: bool
    columns: list[str]

    def reader(self, types: dict[str, Any], *, bad_row: Any = None) -> AbstractContextManager[Any]:
        """A reader of the columns in these types."""


def csv_fault(source: CsvText, numbers: tuple[str, ...], error: Exception) -> str:
    """Describe the first fault of a file that cannot be read, in one sentence.

    It names the row and the column if they are found, else it has the message of the reader.
    """
    if isinstance(error, UnicodeError):
        return wrong_encoding(source, "")
    return _first_fault(source, numbers) or f"{source.name} cannot be read: {_in_one_line(error)}."


def _first_fault(source: CsvText, numbers: tuple[str, ...]) -> str | None:
    """Read the rows as bytes, which fails for rows of the wrong length only."""
    import pyarrow as pa

    ragged: list[Any] = []

    def bad_row(row: Any) -> str:
        ragged.append(row)
        return "error"

    start = 0
    try:
        with source.reader(dict.fromkeys(source.columns, pa.binary()), bad_row=bad_row) as reader:
            for batch in reader:
                fault = _fault_of(source, batch, numbers, start)
                if fault:
                    return fault
                start += len(batch)
    except (pa.ArrowInvalid, UnicodeError) as error:
        if ragged:
            return _ragged(source, ragged[0])
        if isinstance(error, UnicodeError):
            return wrong_encoding(source, "")
    return None


def _fault_of(
    source: CsvText, batch: pa.RecordBatch, numbers: tuple[str, ...], start: int
) -> str | None:
    """The first fault in a batch, column by column."""
    import pyarrow as pa

    for column, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            texts = values.cast(pa.string())
        except pa.ArrowInvalid:
            row = next(i for i, value in enumerate(values) if not _is_utf8(value.as_py()))
            return wrong_encoding(source, f", first in row {start + row + 1:,}")
        if column in numbers and is_text(texts.type):
            row, text = first_that_is_no_number(without_missing(texts))
            if text is not None:
                return not_a_number(source.name, column, start + row, text)
    return None


def _ragged(source: CsvText, row: Any) -> str:
    shown = row.text if len(row.text) <= 40 else row.text[:37] + "..."
    where = "A row" if row.number is None else f"Row {row.number - source.header:,}"
    return (
        f"{where} of {source.name} has {row.actual_columns} values for {row.expected_columns} "
        f"columns: {shown!r}."
    )


def wrong_encoding(source: CsvText, where: str) -> str:
    """The sentence on text of another encoding; `where` is the place, or empty."""
    return (
        f"{source.name} is not encoded as {source.encoding}{where}: name its encoding, such as "
        "--encoding latin-1."
    )


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
