"""JSON lines, read in blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ._errors import TableError
from ._streams import ByteStream
from ._typed import TypedSource

if TYPE_CHECKING:
    import pyarrow as pa

JSON_LINES = (".jsonl", ".ndjson")
_PIECE = 1 << 22  # bytes that are parsed at a time
_LONGEST = 1 << 26  # bytes of a line
_DEEPEST = 100  # lists in lists: the parser fails on many thousands
_IN_ROW = re.compile(r"JSON parse error: (?P<fault>.*?)\.? in row (?P<row>\d+)")
_CHANGED = re.compile(r"Column\((?P<column>.*)\) changed from (?P<old>\w+) to (?P<new>\w+)")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


class _Piece(NamedTuple):
    lines: bytes
    start: int  # rows before it


class JsonLinesSource(TypedSource):
    """A file with one JSON object in each line.

    Opening it reads it once: a column may begin in any line, and change from whole numbers to
    fractions in any line.
    """

    format = "a file of JSON lines"

    def _open(self) -> None:
        import pyarrow as pa

        schema, n_rows = pa.schema([]), 0
        for piece in self._read():
            schema = self._joined(schema, piece)
            n_rows = piece.start + _n_rows(piece.lines)
        if not n_rows:
            raise TableError(f"{self.name} has no rows.")
        self._schema, self.expected_rows = schema, n_rows
        self.columns = list(schema.names)

    def _pieces(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        schema = pa.schema([self._schema.field(name) for name in columns])
        for piece in self._read():
            yield from self._parsed(piece, schema, "ignore").to_batches(max_chunksize=length)

    def _read(self) -> Iterator[_Piece]:
        """Whole lines, several MB at a time."""
        start, held = 0, b""
        with ByteStream(self.path, self.name) as file:
            while read := file.read(_PIECE):
                lines, end, rest = read.rpartition(b"\n")
                if not end:
                    held += rest
                    if len(held) > _LONGEST:
                        raise TableError(
                            f"Row {start + 1:,} of {self.name} is longer than {_LONGEST:,} bytes."
                        )
                    continue
                piece = held + lines
                yield _Piece(piece, start)
                start, held = start + _n_rows(piece), rest
        if held.strip():
            yield _Piece(held, start)

    def _parsed(self, piece: _Piece, schema: pa.Schema | None, unexpected: str) -> pa.Table:
        """The rows of some lines; one for each line."""
        import pyarrow as pa
        from pyarrow import json

        n_rows = _n_rows(piece.lines)
        if not n_rows:
            return pa.table({})
        self._check_depth(piece)
        try:
            table = json.read_json(
                pa.BufferReader(piece.lines),
                json.ReadOptions(use_threads=False, block_size=len(piece.lines) + 1),
                json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected),
            )
        except pa.ArrowInvalid as error:
            raise TableError(self._fault(str(error), piece.start)) from error
        try:
            table.validate(full=True)  # the parser takes any bytes as text
        except pa.ArrowInvalid as error:
            raise TableError(f"{self.name} is damaged: its text is not UTF-8.") from error
        if len(table) != n_rows:
            raise TableError(
                f"{self.name} must have one JSON object in each line. Got {len(table):,} objects "
                f"in the {n_rows:,} lines from line {piece.start + 1:,} on instead."
            )
        return table

    def _joined(self, known: pa.Schema, piece: _Piece) -> pa.Schema:
        """The types of the rows so far, and of one more piece."""
        import pyarrow as pa

        found = self._parsed(piece, None, "infer").schema
        # Dates are read as text, as in CSV: in a later row there may be other text.
        found = pa.schema(
            [
                field.with_type(pa.string()) if pa.types.is_timestamp(field.type) else field
                for field in found
            ]
        )
        try:
            return pa.unify_schemas([known, found], promote_options="permissive")
        except pa.ArrowTypeError as error:
            typed = [f.with_type(pa.float64()) if f.type == pa.int64() else f for f in known]
            self._parsed(piece, pa.schema(typed), "infer")  # raises, and names the row
            raise TableError(f"{self.name} has a column of several types: {error}.") from error

    def _fault(self, message: str, start: int) -> str:
        """Describe an error of the parser, which counts rows from the first of the given lines."""
        match = _IN_ROW.fullmatch(" ".join(message.split()))
        if match is None:
            return f"{self.name} cannot be read as JSON lines: {message.rstrip('.')}."
        row = f"Row {start + int(match['row']) + 1:,} of {self.name}"
        changed = _CHANGED.fullmatch(match["fault"])
        if changed is None:
            return f"{row} cannot be read as JSON: {match['fault']}."
        if not changed["column"]:
            return f"{row} must be a JSON object. Got a JSON {changed['new']} instead."
        return (
            f"{row} has a {changed['new']} in the column {changed['column'][1:]!r}, where rows "
            f"before have a {changed['old']}."
        )

    def _check_depth(self, piece: _Piece) -> None:
        """Refuse lists within very many lists, on which the parser fails."""
        openings = piece.lines.count(b"[") + piece.lines.count(b"{")
        if openings <= piece.lines.count(b"\n") + _DEEPEST:
            return
        for i, line in enumerate(filter(bytes.strip, piece.lines.split(b"\n"))):
            if line.count(b"[") + line.count(b"{") > _DEEPEST and _depth(line) > _DEEPEST:
                raise TableError(
                    f"Row {piece.start + i + 1:,} of {self.name} has lists in lists more than "
                    f"{_DEEPEST} deep."
                )


def _n_rows(lines: bytes) -> int:
    return sum(map(bool, map(bytes.strip, lines.split(b"\n"))))


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for sign in _TEXT.sub(b"", line):
        depth += (sign in b"[{") - (sign in b"]}")
        deepest = max(deepest, depth)
    return deepest
