"""Results as files: bytes that are added block by block, and what they become at the end."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...storage.whole_file import written_whole
from ._errors import OptionError

if TYPE_CHECKING:
    import pyarrow as pa


class ResultsFormat(Protocol):
    """How results are written.

    A file that is written is the head, then one piece for each block. What is cut off behind a
    piece is still such a file.
    """

    def head(self, schema: pa.Schema) -> bytes:
        """What comes before the first block."""

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """The rows of a block."""

    def finish(self, written: Path, output: Path) -> None:
        """Make the output, in one step, of a file that is written."""


class CsvResults:
    """A CSV file, which is its pieces one after the other."""

    def head(self, schema: pa.Schema) -> bytes:
        """The names of the columns."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(schema.names)
        return line.getvalue().encode()

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """Lines; numbers are written such that reading them gives the same number."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        stream = pa.BufferOutputStream()
        arrow_csv.write_csv(batch, stream, arrow_csv.WriteOptions(include_header=False))
        return stream.getvalue().to_pybytes()

    def finish(self, written: Path, output: Path) -> None:
        """Give the file its name."""
        written.replace(output)


class ParquetResults:
    """A Parquet file: nothing can be added to one, so blocks go into a stream of Arrow's."""

    def head(self, schema: pa.Schema) -> bytes:
        """The types of the columns."""
        return schema.serialize().to_pybytes()

    def piece(self, batch: pa.RecordBatch) -> bytes:
        """The rows as Arrow has them in memory."""
        return batch.serialize().to_pybytes()

    def finish(self, written: Path, output: Path) -> None:
        """Write the Parquet file from the stream, a group of rows for each block."""
        import pyarrow as pa
        from pyarrow import parquet

        with (
            written_whole(output) as temporary,
            written.open("rb") as file,
            pa.ipc.open_stream(file) as stream,
            parquet.ParquetWriter(temporary, stream.schema) as writer,
        ):
            for batch in stream:
                writer.write_batch(batch)
        written.unlink()


def results_format(output: Path) -> ResultsFormat:
    """How the results are written, by the ending of the file.

    Raises
    ------
    OptionError
        If there is no format of this ending.
    """
    formats: dict[str, ResultsFormat] = {".csv": CsvResults(), ".parquet": ParquetResults()}
    if output.suffix.lower() not in formats:
        raise OptionError(
            f"Results are written as {' or '.join(formats)}, and {output.name!r} ends in neither."
        )
    return formats[output.suffix.lower()]
