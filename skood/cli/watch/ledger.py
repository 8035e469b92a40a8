"""The rows taken from each file, and the reasons why files wait or are set aside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from os import stat_result
from pathlib import Path
from typing import Any, Self

_END = 1 << 16  # bytes at both ends of a file's beginning that its mark covers
_MOST_GONE = 10_000  # files that are no longer there and that the ledger remembers


@dataclass
class Entry:
    """One file: its last size and time, and the rows taken from it.

    `taken` are the bytes whose rows count, the first line among them, and `mark` the checksum of
    their ends. `digest` is that of the rows, for files that are no plain text. `bad` are the bytes
    up to the end of the part that could not be read, and `bad_mark` is their mark.
    """

    size: int = -1
    time: int = 0
    inode: int = 0
    rows: int = 0
    taken: int = 0
    mark: str = ""
    digest: int = 0
    fault: str = ""
    bad: int = 0
    bad_mark: str = ""
    left_out: int = 0
    waits: bool = False

    def looks_as(self, about: stat_result) -> bool:
        """Whether size and time of the file are unchanged."""
        return (self.size, self.time) == (about.st_size, about.st_mtime_ns)

    def look(self, about: stat_result) -> None:
        """Remember size and time of the file."""
        self.size, self.time, self.inode = about.st_size, about.st_mtime_ns, about.st_ino

    def forget(self) -> None:
        """Start anew with the file."""
        fresh = Entry(self.size, self.time, self.inode)
        vars(self).update(vars(fresh))

    def take(self, n_rows: int, n_bytes: int, mark: str) -> None:
        """Count rows, which end at this byte."""
        self.rows += n_rows
        self.taken, self.mark = n_bytes, mark
        self.fault, self.bad, self.bad_mark = "", 0, ""


@dataclass
class Ledger:
    """The entries of all files, by their names."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def entry(self, name: str) -> Entry:
        """The entry of a file, which may be new."""
        return self.entries.setdefault(name, Entry())

    def same_bytes(self, name: str, path: Path, base: Path) -> str | None:
        """The name of a known file with the first bytes of a new file, if there is one.

        The known file may have been renamed, copied, or copied and cut, as logs are.
        """
        about = path.stat()
        marks: dict[int, str] = {}  # of the new file, by the number of bytes
        for other, entry in self.entries.items():
            if other == name or not 0 < entry.taken <= about.st_size:
                continue
            same = about.st_ino == entry.inode or about.st_size == entry.taken
            if not (same or 0 <= _size(base / other) < entry.taken):
                continue
            if entry.taken not in marks:
                marks[entry.taken] = mark(path, entry.taken)
            if marks[entry.taken] == entry.mark:
                return other
        return None

    def drop_gone(self, files: dict[str, Path]) -> None:
        """Forget the oldest of the files that are gone; all are gone while a disk is not there."""
        if not files:
            return
        gone = [name for name in self.entries if name not in files]
        for name in gone[:-_MOST_GONE]:
            del self.entries[name]

    @property
    def faults(self) -> dict[str, str]:
        """Why files are set aside, by their names."""
        return {name: entry.fault for name, entry in self.entries.items() if entry.fault}

    @property
    def n_left_out(self) -> int:
        """Rows that were left out for good."""
        return sum(entry.left_out for entry in self.entries.values())

    def to_list(self) -> list[Any]:
        """The entries for JSON."""
        return [[name, *vars(entry).values()] for name, entry in self.entries.items()]

    @classmethod
    def from_list(cls, lines: list[Any]) -> Self:
        """The ledger of such a list."""
        return cls({name: Entry(*values) for name, *values in lines})


def _size(path: Path) -> int:
    """The size of a file; -1 if it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def mark(path: Path, n_bytes: int) -> str:
    """Checksum of the ends of the first bytes of a file."""
    digest = hashlib.sha256(str(n_bytes).encode())
    with path.open("rb") as file:
        digest.update(file.read(min(n_bytes, _END)))
        file.seek(max(0, n_bytes - _END))
        digest.update(file.read(min(n_bytes, _END)))
    return digest.hexdigest()[:16]
