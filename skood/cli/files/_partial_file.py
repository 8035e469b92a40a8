"""A file that grows block by block and that a later run can resume."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ...storage.whole_file import written_whole
from ._errors import OptionError
from ._results import ResultsFormat


@dataclass(frozen=True)
class Journal:
    """The progress of a partial file, and the work that it belongs to.

    A resumed run must share `made_of`: the detector, the input, the options. `bytes` is the length
    of the file with the finished rows.
    """

    made_of: Mapping[str, Any]
    rows: int = 0
    bytes: int = 0
    tally: Mapping[str, Any] = field(default_factory=dict)


class PartialFile:
    """The file ``OUTPUT.part`` with its journal ``OUTPUT.part.json``.

    Each block is on the disk before the journal counts it. So a run may be killed at any time: the
    file holds whole blocks up to the length in the journal.
    """

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".part")
        self.journal_path = output.with_name(output.name + ".part.json")
        self._file: IO[bytes] | None = None
        self.journal = Journal({})

    @property
    def is_open(self) -> bool:
        """Whether blocks can be added."""
        return self._file is not None

    def exists(self) -> bool:
        """Whether an earlier run has left a file."""
        return self.path.exists() or self.journal_path.exists()

    def can_resume(self) -> bool:
        """Whether both files exist; at the very start and end of a run only one does."""
        return self.path.exists() and self.journal_path.exists()

    def n_kept(self) -> int:
        """Rows on the disk that can be resumed from: Ctrl-C may come between any two steps."""
        return self._read_journal().rows if self.is_open and self.can_resume() else 0

    def start(self, made_of: Mapping[str, Any], head: bytes) -> Self:
        """Begin a new file with these first bytes; the rows of an earlier run are lost."""
        self._file = self.path.open("w+b")
        self._lock()
        self.journal_path.unlink(missing_ok=True)  # its rows are gone
        self.journal = Journal(dict(made_of))
        self._append(head, self.journal)
        return self

    def resume(self, made_of: Mapping[str, Any]) -> Self:
        """Resume an earlier run after its last whole block, if it was made of the same."""
        journal = self._read_journal()
        changed = [key for key in made_of if journal.made_of.get(key) != made_of[key]]
        if changed:
            raise OptionError(
                f"The rows in {self.path.name} were written with another {' and '.join(changed)}. "
                "They cannot be resumed: start anew with --restart."
            )
        self._file = self.path.open("r+b")
        self._lock()
        if os.fstat(self._file.fileno()).st_size < journal.bytes:
            self.close()
            raise self._damaged()
        self._file.truncate(journal.bytes)
        self._file.seek(journal.bytes)
        self.journal = journal
        return self

    def append(self, piece: bytes, rows: int, tally: Mapping[str, Any]) -> None:
        """Add the bytes of a block, and count it when it is on the disk."""
        done = replace(self.journal, rows=self.journal.rows + rows, tally=dict(tally))
        self._append(piece, done)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def finish(self, results: ResultsFormat, output: Path) -> None:
        """Close the file and turn it into the output."""
        self.close()
        results.finish(self.path, output)
        self.journal_path.unlink()

    def remove(self) -> None:
        """Close the file and remove both files."""
        with contextlib.suppress(OSError):  # closing writes the buffer: not to a full disk
            self.close()
        self.path.unlink(missing_ok=True)
        self.journal_path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, piece: bytes, journal: Journal) -> None:
        assert self._file is not None  # noqa: S101  # of `start` or `resume`
        self._file.write(piece)
        self._file.flush()
        os.fsync(self._file.fileno())
        journal = replace(journal, bytes=self._file.tell())
        with written_whole(self.journal_path) as temporary:
            temporary.write_text(json.dumps(asdict(journal)), encoding="utf-8")
        self.journal = journal

    def _read_journal(self) -> Journal:
        try:
            return Journal(**json.loads(self.journal_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise self._damaged() from error

    def _damaged(self) -> OptionError:
        return OptionError(
            f"{self.path.name} does not match its journal {self.journal_path.name}. It cannot be "
            "resumed: start anew with --restart."
        )

    def _lock(self) -> None:
        """Lock out other processes; the lock ends with this process."""
        try:
            import fcntl
        except ImportError:  # not on Windows, where the file cannot be replaced while it is open
            return
        assert self._file is not None  # noqa: S101
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise OptionError(f"Another process is writing to {self.path.name}.") from error
        except OSError:
            return  # a file system without locks
