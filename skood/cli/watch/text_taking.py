"""Takes lines of text: of files that grow, and of stdin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skood.cli.files import TableError

from .counting import Counter, plain_faults
from .ledger import Entry, mark
from .reading import ColumnsError, RowReader
from .text import halves, header_of, next_piece

_QUOTED = (".csv", ".tsv")
_MOST_TRIES = 1_000  # readings of parts of lines that cannot all be taken


@dataclass
class Lines:
    """A text of which whole lines are taken. Without a path the lines come once."""

    name: str
    ending: str
    header: bytes
    entry: Entry
    reader: RowReader
    counter: Counter
    path: Path | None = None

    @property
    def quotes(self) -> bool:
        """Whether a cell may hold the end of a line."""
        return self.ending in _QUOTED

    def take(self, text: bytes, end: int = 0) -> None:
        """Take all rows of these lines, which end at a byte of the file; after an error, take none.

        Raises
        ------
        TableError
            If they cannot be read as rows.
        """
        entry = self.entry
        start = entry.rows + entry.left_out
        where = f"{self.name} after row {start:,}" if start else self.name
        known = mark(self.path, end) if self.path is not None else ""
        n_rows, update = 0, None
        with plain_faults(where):
            batch = None
            if text.strip():
                text = self.header + text
                batch = self.reader.lines(text, self.ending, where, quiet=start > 0)
            if batch is not None:
                n_rows = len(batch.rows)
                update = self.counter.update(self.name, batch._replace(start=start))
        entry.take(n_rows, end, known)
        if update is not None:
            self.counter.advance(self.name, update)

    def take_or_salvage(self, text: bytes) -> None:
        """Take all rows of lines that come once; after an error, take the good rows."""
        try:
            self.take(text)
        except ColumnsError:
            if self.quotes:  # so it is with all lines
                raise
            self.salvage(text)
        except TableError:
            self.salvage(text)

    def salvage(self, text: bytes, end: int = 0) -> None:
        """Take the good rows of some lines, and leave out the others."""
        stop = end - len(text)
        parts, n_tries, n_left, first = [text], 0, 0, ""
        while parts:
            part = parts.pop(0)
            n_tries += 1
            try:
                self.take(part, stop + len(part))
            except TableError as error:
                first = first or str(error)
                smaller = halves(part, quotes=self.quotes)
                if len(smaller) > 1 and n_tries < _MOST_TRIES:
                    parts[:0] = smaller
                    continue
                n_left += self._leave_out(part, stop + len(part))
            stop += len(part)
        rows = "1 row" if n_left == 1 else f"{n_left:,} rows"
        self.counter.tell_fault(f"{rows} of {self.name} left out: {first}")

    def _leave_out(self, text: bytes, end: int) -> int:
        n_rows = max(1, text.count(b"\n"))
        self.entry.left_out += n_rows
        self.entry.take(0, end, mark(self.path, end) if self.path is not None else "")
        return n_rows


def take_text(lines: Lines, path: Path, *, final: bool) -> str:
    """Take the new lines of a file; return the reason if it waits.

    `final`: the last line needs no end. A part that cannot be read keeps the file where it is,
    until the file is corrected, or grows: then the bad rows are left out.
    """
    entry, quotes = lines.entry, lines.quotes
    is_still_bad = 0 < entry.bad < entry.size and mark(path, entry.bad) == entry.bad_mark
    start, last_bad = entry.taken or len(lines.header), entry.bad
    while piece := next_piece(path, start, quotes=quotes, final=final):
        end = start + len(piece)
        try:
            lines.take(piece, end)
        except TableError as error:
            if quotes and isinstance(error, ColumnsError):  # so it is with all lines
                raise
            if is_still_bad and start < last_bad:
                lines.salvage(piece, end)
            else:
                entry.bad, entry.bad_mark = end, mark(path, end)
                raise
        start = end
    if not entry.rows + entry.left_out:
        raise TableError(f"{lines.name} has no rows.")
    entry.waits = start < entry.size
    return f"{lines.name} has an unfinished last line" if entry.waits else ""


def lines_of(name: str, path: Path, entry: Entry, reader: RowReader, counter: Counter) -> Lines:
    """The lines of a file."""
    ending = path.suffix.lower()
    if ending not in (*_QUOTED, ".jsonl", ".ndjson"):
        ending = f".{reader.reading.format}"
    header: Any = b""
    if ending in _QUOTED:
        header = header_of(path, has_header=reader.reading.header)
    if header is None:
        raise TableError(f"{name} has no rows." if entry.size else f"{name} is empty.")
    return Lines(name, ending, header, entry, reader, counter, path)
