"""Formats of result files, which are written block by block."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...storage.whole_file import put_in_place, written_whole
from ..formulas import FORMULA, NUMBER
from ._errors import OptionError

if TYPE_CHECKING:
    import pyarrow as pa


class ResultsFormat(Protocol):
    """The parts of a file of results: the head, then one piece for each block.

    A file that is cut off behind a piece is valid too.
    """

    def head(self, schema: pa.Schema) -> bytes:
        """The bytes before the first block."""

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """The bytes of a block."""

    def finish(
        self, written: Path, output: Path, note: Callable[[Path], None] | None = None
    ) -> None:
        """Make the output of a complete file, in one step.

        If the partial file stays, `note` is called with the whole output before the output is
        renamed.
        """


class _Lines:
    """A file that consists of its pieces."""

    def finish(
        self,
        written: Path,
        output: Path,
        note: Callable[[Path], None] | None = None,  # noqa: ARG002
    ) -> None:
        """Rename the file."""
        put_in_place(written, output)


@dataclass(frozen=True)
class CsvResults(_Lines):
    """A CSV file: the pieces one after the other.

    With `escape_formulas`, an apostrophe stands before texts that a spreadsheet would run.
    """

    escape_formulas: bool = False
    delimiter: str = ","

    def head(self, schema: pa.Schema) -> bytes:
        """The names of the columns."""
        import pyarrow as pa

        names = self._texts(pa.array(schema.names)).to_pylist()
        line = io.StringIO()
        csv.writer(line, delimiter=self.delimiter, lineterminator="\n").writerow(names)
        return line.getvalue().encode()

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """Lines; reading a number gives the same number."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        columns = [self._texts(column) for column in batch.columns]
        batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
        stream = pa.BufferOutputStream()
        options = arrow_csv.WriteOptions(include_header=False, delimiter=self.delimiter)
        arrow_csv.write_csv(batch, stream, options)
        return stream.getvalue().to_pybytes()

    def _texts(self, column: pa.Array) -> pa.Array:
        """Escape the texts of a column: in a spreadsheet they are texts then."""
        import pyarrow as pa
        from pyarrow import compute

        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if not (self.escape_formulas and is_text):
            return column
        is_formula = compute.and_not(
            compute.match_substring_regex(column, FORMULA),
            compute.match_substring_regex(column, NUMBER),
        )
        escaped = compute.binary_join_element_wise(
            pa.scalar("'", column.type), column, pa.scalar("", column.type)
        )
        return compute.if_else(is_formula, escaped, column)


@dataclass(frozen=True)
class PackedResults(_Lines):
    """A compressed file: each piece is compressed alone, as these formats allow."""

    inner: ResultsFormat
    codec: str

    def head(self, schema: pa.Schema) -> bytes:
        """The compressed names of the columns."""
        return self._packed(self.inner.head(schema))

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """The compressed lines."""
        return self._packed(self.inner.piece(batch))

    def _packed(self, content: bytes) -> bytes:
        import pyarrow as pa

        return pa.compress(content, codec=self.codec, asbytes=True)


class JsonLinesResults(_Lines):
    """A JSON object in each line."""

    def head(self, schema: pa.Schema) -> bytes:  # noqa: ARG002  # each line has the names
        """No bytes."""
        return b""

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """Lines; reading a number gives the same number."""
        lines = (json.dumps(line, ensure_ascii=False, default=str) for line in batch.to_pylist())
        return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True)
class ArrowResults:
    """A Parquet or Arrow file. It cannot grow, so an Arrow stream collects the blocks.

    No spreadsheet runs its texts.
    """

    parquet: bool

    def head(self, schema: pa.Schema) -> bytes:
        """The types of the columns."""
        return schema.serialize().to_pybytes()

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """The rows as Arrow holds them in memory."""
        return batch.serialize().to_pybytes()

    def finish(
        self, written: Path, output: Path, note: Callable[[Path], None] | None = None
    ) -> None:
        """Write the file from the stream, with a group of rows for each block."""
        import pyarrow as pa
        from pyarrow import parquet

        new_file = parquet.ParquetWriter if self.parquet else pa.ipc.new_file
        with written_whole(output) as temporary:
            with (
                written.open("rb") as file,
                pa.ipc.open_stream(file) as stream,
                new_file(temporary, stream.schema) as writer,
            ):
                for batch in stream:
                    writer.write_batch(batch)
            if note is not None:
                note(temporary)


def results_format(output: Path, *, escape_formulas: bool = False) -> ResultsFormat:
    """Choose the format by the ending of the file; "-" is CSV."""
    lines = CsvResults(escape_formulas)
    formats: dict[str, ResultsFormat] = {
        ".csv": lines,
        ".csv.gz": PackedResults(lines, "gzip"),
        ".csv.zst": PackedResults(lines, "zstd"),
        ".tsv": CsvResults(escape_formulas, "\t"),
        ".jsonl": JsonLinesResults(),
        ".parquet": ArrowResults(parquet=True),
        **dict.fromkeys((".arrow", ".feather"), ArrowResults(parquet=False)),
    }
    name = output.name.lower()
    if name == "-":
        return lines
    ending = next((ending for ending in formats if name.endswith(ending)), None)
    if ending is None:
        raise OptionError(
            f"The output must end in {' or '.join(formats)}. Got {output.name!r} instead."
        )
    return formats[ending]
