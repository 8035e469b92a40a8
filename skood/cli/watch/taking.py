"""Looks at the files of a feed, and takes their new rows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from skood.cli.files import TableError, is_plain_text

from .counting import Counter, plain_faults
from .finding import Feed
from .ledger import Entry, mark
from .reading import RowReader, digest
from .text_taking import lines_of, take_text

_ABANDONED = 3600.0  # seconds: a writer may hold back the end of a line for long


class Taker:
    """Takes each row of a feed once. A file that changed in the last `every` seconds may wait."""

    def __init__(self, reader: RowReader, counter: Counter, every: float) -> None:
        self.reader, self._counter, self._every = reader, counter, every
        self._state, self._voice = counter.state, counter.voice

    def look(self, feed: Feed) -> list[str]:
        """Take the new rows; return the reasons of the files that wait."""
        files, waiting = feed.files(), []
        for name, path in files.items():
            try:
                reason = self._look_at(name, path, feed.base)
            except FileNotFoundError:
                continue  # gone since
            if reason:
                waiting.append(reason)
        self._state.ledger.drop_gone(files)
        self._counter.save()
        return waiting

    def _look_at(self, name: str, path: Path, base: Path) -> str:
        about, ledger = path.stat(), self._state.ledger
        is_new, entry = name not in ledger.entries, ledger.entry(name)
        is_same, age = entry.looks_as(about), time.time() - about.st_mtime
        if is_same and not entry.waits:
            return ""
        settled = is_same or age >= self._every
        entry.look(about)
        entry.waits = True  # until all of it is taken
        try:
            with plain_faults(name):
                if is_new:
                    entry = self._known_by_another_name(name, path, base, entry)
                if is_plain_text(path, self.reader.reading):
                    return self._take_text(name, path, entry, settled, age >= _ABANDONED)
                self._take_typed(name, path, entry, settled)
        except TableError as error:
            if not settled:
                return str(error).rstrip(".")
            self._set_aside(entry, str(error))
        return ""

    def _known_by_another_name(self, name: str, path: Path, base: Path, entry: Entry) -> Entry:
        """The entry of a file that was renamed; a copy is reported, and its rows are new."""
        ledger = self._state.ledger
        other = ledger.same_bytes(name, path, base)
        if other is None:
            return entry
        before, known = base / other, ledger.entries[other]
        if before.is_file() and mark(before, known.taken) == known.mark:
            self._voice.say(f"{name} is a copy of {other}: its rows count again")
            return entry
        self._voice.say(f"{name} is {other} under a new name: its rows were counted before")
        ledger.entries[name] = ledger.entries.pop(other)
        known.look(path.stat())
        known.waits = self._state.is_dirty = True
        return known

    def _begin_anew(self, name: str, entry: Entry, settled: bool) -> None:
        """Treat a file as new if its rows are not those that were counted, once it is whole."""
        if not settled:
            raise TableError(f"{name} is being rewritten")
        self._voice.say(f"{name} has been replaced: all its rows count as new")
        entry.forget()
        entry.waits = self._state.is_dirty = True

    def _set_aside(self, entry: Entry, fault: str) -> None:
        entry.waits = False
        if entry.fault == fault:
            return  # told before
        entry.fault = fault
        n_rows = entry.rows + entry.left_out
        known = f"; {n_rows:,} of its rows were counted before" if n_rows else ""
        self._counter.tell_fault(f"{fault} The file is set aside until it changes{known}.")

    def _take_text(self, name: str, path: Path, entry: Entry, settled: bool, final: bool) -> str:
        """Take the whole lines of a file that may grow."""
        if entry.taken and (entry.size < entry.taken or mark(path, entry.taken) != entry.mark):
            self._begin_anew(name, entry, settled)
        lines = lines_of(name, path, entry, self.reader, self._counter)
        return take_text(lines, path, final=final)

    def _take_typed(self, name: str, path: Path, entry: Entry, settled: bool) -> None:
        """Take a file that is read from its start: Parquet, Arrow, NumPy, compressed text."""
        size, whole = entry.size, mark(path, entry.size)
        if not entry.rows or whole != entry.mark:
            source, fitted = self.reader.open(path, name)
            if entry.rows and entry.digest != self._digest(source, fitted, entry.rows):
                self._begin_anew(name, entry, settled)
            for batch in self.reader.batches(source, fitted, entry.rows):
                more = digest(batch.rows, batch.start)
                update = self._counter.update(name, batch)
                entry.digest = (entry.digest + more) % 2**64
                entry.rows, entry.fault = entry.rows + len(batch.rows), ""
                self._counter.advance(name, update)
            if not entry.rows:
                raise TableError(f"{name} has no rows.")
            entry.taken, entry.mark, self._state.is_dirty = size, whole, True
        entry.waits = False

    def _digest(self, source: Any, fitted: Any, n_rows: int) -> int:
        """Checksum of the first rows of a file."""
        total = 0
        for batch in self.reader.batches(source, fitted):
            rows = batch.rows[: n_rows - batch.start]
            if not len(rows):
                break
            total += digest(rows, batch.start)
        return total % 2**64
