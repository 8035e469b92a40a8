"""A file that grows block by block and that a later run can resume."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ...storage.whole_file import new_file, old_file
from ._errors import OptionError
from ._results import ResultsFormat


@dataclass(frozen=True)
class Journal:
    """The progress of a partial file, and the work that it belongs to.

    A resumed run must share `made_of`: the detector, the input, the options. `bytes` is the length
    of the file with the finished rows. `became` is the size and the time of the output that the
    file became.
    """

    made_of: Mapping[str, Any]
    rows: int = 0
    bytes: int = 0
    tally: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    became: Sequence[int] = ()


class PartialFile:
    """The file ``OUTPUT.part`` with its journal ``OUTPUT.part.json``.

    Each block is on the disk before the journal counts it. So a run may be killed at any time: the
    file holds whole blocks up to the length in the journal. The caller holds the lock of the output
    for as long as it uses the object.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = output.with_name(output.name + ".part")
        self.journal_path = output.with_name(output.name + ".part.json")
        self._new_journal = output.with_name(output.name + ".part.json.new")
        self._file: IO[bytes] | None = None
        self.journal = Journal({})

    @property
    def is_open(self) -> bool:
        """Whether blocks can be added."""
        return self._file is not None

    def exists(self) -> bool:
        """Whether an earlier run has left rows that are not in the output."""
        if self.can_resume():  # a journal alone is of a run that has ended
            with contextlib.suppress(OSError, OptionError):
                if list(self._read_journal().became) == _size_and_time(self.output):
                    self.remove()
        return self.path.exists()

    def can_resume(self) -> bool:
        """Whether both files exist; at the very start and end of a run only one does."""
        return self.path.exists() and self.journal_path.exists()

    def n_kept(self) -> int:
        """The number of rows on the disk after which a run can resume."""
        has_begun = bool(self.journal.made_of)
        return self._read_journal().rows if has_begun and self.can_resume() else 0

    def start(self, made_of: Mapping[str, Any], head: bytes) -> Self:
        """Begin a new file with these first bytes; the rows of an earlier run are lost."""
        self.journal_path.unlink(missing_ok=True)  # before its rows: it must not count others
        self._file = new_file(self.path, self.output)
        self.journal = Journal(dict(made_of))
        self._append(head, self.journal)
        return self

    def resume(self, made_of: Mapping[str, Any], digest: Callable[[int], str]) -> Self:
        """Resume an earlier run after its last whole block, if it was made of the same.

        The row of the input where that run stopped may have been corrected: `digest` gives the
        checksum of a number of rows before it.
        """
        journal = self._read_journal()
        changed = [key for key in made_of if journal.made_of.get(key) != made_of[key]]
        if changed == ["input"] and journal.digest and journal.digest == digest(journal.rows):
            journal, changed = replace(journal, made_of=dict(made_of)), []
        if changed:
            raise OptionError(
                f"The rows in {self.path.name} were written with another {' and '.join(changed)}. "
                "They cannot be resumed: start anew with --restart."
            )
        if self.path.stat().st_size < journal.bytes:
            raise self._damaged()
        self._file = old_file(self.path)
        self._file.truncate(journal.bytes)
        self._file.seek(journal.bytes)
        self.journal = journal
        return self

    def append(self, piece: bytes, rows: int, tally: Mapping[str, Any]) -> None:
        """Add the bytes of a block, and count it when it is on the disk."""
        rows += self.journal.rows
        self._append(piece, replace(self.journal, rows=rows, tally=dict(tally), digest=""))

    def remember(self, digest: Callable[[int], str]) -> None:
        """Note the checksum of the finished rows, for a resume after a later row is corrected."""
        n_kept = self.n_kept()
        if n_kept:
            self._write(replace(self._read_journal(), digest=digest(n_kept)))

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def finish(self, results: ResultsFormat) -> None:
        """Close the file and turn it into the output."""
        self.close()
        results.finish(self.path, self.output, self._note)
        self.remove()

    def remove(self) -> None:
        """Close the file and remove both files."""
        with contextlib.suppress(OSError):  # closing writes the buffer: not to a full disk
            self.close()
        for path in (self.path, self.journal_path, self._new_journal):
            path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # of a full disk, which the block has raised
            self.close()

    def _note(self, output: Path) -> None:
        """Note which file is the output, because the process may end before it removes the rows."""
        self._write(replace(self.journal, became=_size_and_time(output)))

    def _append(self, piece: bytes, journal: Journal) -> None:
        assert self._file is not None  # noqa: S101  # of `start` or `resume`
        self._file.write(piece)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._write(replace(journal, bytes=self._file.tell()))

    def _write(self, journal: Journal) -> None:
        try:
            with new_file(self._new_journal, self.output) as file:
                file.write(json.dumps(asdict(journal), default=str).encode())  # ids may be dates
            self._new_journal.replace(self.journal_path)
        except OSError:  # of a full disk: the older journal stays, and counts the blocks before
            self._new_journal.unlink(missing_ok=True)
            raise
        self.journal = journal

    def _read_journal(self) -> Journal:
        try:
            journal = Journal(**json.loads(self.journal_path.read_text(encoding="utf-8")))
            if not all(isinstance(n, int) and n >= 0 for n in (journal.rows, journal.bytes)):
                raise TypeError(journal)
            return replace(journal, made_of=dict(journal.made_of), tally=dict(journal.tally))
        except (OSError, ValueError, TypeError) as error:
            raise self._damaged() from error

    def _damaged(self) -> OptionError:
        return OptionError(
            f"{self.path.name} does not match its journal {self.journal_path.name}. It cannot be "
            "resumed: start anew with --restart."
        )


def _size_and_time(path: Path) -> list[int]:
    """Size and time of a file, which a new name does not change."""
    about = path.stat()
    return [about.st_size, about.st_mtime_ns]
