"""Arrow IPC and Feather files, as files and as streams, read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import TableError
from ._typed import TypedSource, own_index_of

if TYPE_CHECKING:
    import pyarrow as pa

ARROW = (".arrow", ".arrows", ".feather", ".ipc")
_FILE = b"ARROW1"
_OLD_FEATHER = b"FEA1"
_ENDS = (b"\xff\xff\xff\xff\0\0\0\0", b"\0\0\0\0")  # of a stream, today and before 2019


class ArrowSource(TypedSource):
    """An Arrow IPC file or stream; Feather is one of these."""

    format = "an Arrow file"

    def _open(self) -> None:
        with self.path.open("rb") as file:
            first = file.read(len(_FILE))
            file.seek(max(0, self.path.stat().st_size - 8))
            last = file.read()
        if first.startswith(_OLD_FEATHER):
            raise TableError(f"{self.name} is a Feather file of version 1: write it anew.")
        self._is_file = first == _FILE
        if not (self._is_file or last.endswith(_ENDS)):
            raise TableError(f"{self.name} is cut short: it ends before its last row.")
        with self._reader(None) as (schema, batches):
            self.columns = list(schema.names)
            self.own_index = own_index_of(schema)
            self.expected_rows = 0
        if self.columns:
            with self._reader([0]) as (_, batches):
                self.expected_rows = sum(map(len, batches))

    def _pieces(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        with self._reader(sorted(map(self.columns.index, columns))) as (_, batches):
            for batch in batches:
                batch.validate(full=True)  # a stranger's file may point anywhere
                chosen = batch.select(columns)
                for start in range(0, max(1, len(chosen)), length):
                    yield chosen.slice(start, length)

    @contextmanager
    def _reader(self, fields: list[int] | None) -> Iterator[tuple[pa.Schema, Iterator[Any]]]:
        """The schema, and the batches with some of the columns."""
        import pyarrow as pa

        options = pa.ipc.IpcReadOptions(included_fields=fields or [])
        with pa.memory_map(str(self.path)) as mapped:
            if self._is_file:
                with pa.ipc.open_file(mapped, options=options) as file:
                    n = file.num_record_batches
                    yield file.schema, (file.get_batch(i) for i in range(n))
            else:
                with pa.ipc.open_stream(mapped, options=options) as stream:
                    yield stream.schema, iter(stream)
