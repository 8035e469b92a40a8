"""A file that grows block by block, and that a later run can go on with."""

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
    """How far a partial file has come, and what it is made of.

    Attributes
    ----------
    made_of : dict
        What must be the same for going on: the detector, the input, the options. Text and numbers.
    rows, bytes : int
        How many rows are done, and how long the file is with them.
    tally : dict
        What else has been counted.
    """

    made_of: Mapping[str, Any]
    rows: int = 0
    bytes: int = 0
    tally: Mapping[str, Any] = field(default_factory=dict)


class PartialFile:
    """The file ``OUTPUT.part`` with its journal ``OUTPUT.part.json``.

    Each block is on the disk before the journal counts it. So whenever a run ends, killed or not,
    the journal tells a length of the file at which it holds whole blocks.

    Parameters
    ----------
    output : Path
        What the file is to become.
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
        """Whether an earlier run has left something."""
        return self.path.exists() or self.journal_path.exists()

    def can_resume(self) -> bool:
        """Whether it can be gone on with; of the first and last moments of a run it cannot."""
        return self.path.exists() and self.journal_path.exists()

    def n_kept(self) -> int:
        """Rows that can be gone on with, as the disk has it: Ctrl-C comes between any two steps."""
        return self._read_journal().rows if self.is_open and self.can_resume() else 0

    def start(self, made_of: Mapping[str, Any], head: bytes) -> Self:
        """Begin a new file; what an earlier run has left is lost.

        Parameters
        ----------
        made_of : mapping
            What must be the same for going on.
        head : bytes
            What comes before the first block.

        Returns
        -------
        PartialFile
            Itself, to be closed by ``with``.
        """
        self._file = self.path.open("w+b")
        self._lock()
        self.journal_path.unlink(missing_ok=True)  # of rows that are no longer there
        self.journal = Journal(dict(made_of))
        self._append(head, self.journal)
        return self

    def resume(self, made_of: Mapping[str, Any]) -> Self:
        """Go on where an earlier run has ended.

        Parameters
        ----------
        made_of : mapping
            What must be the same.

        Returns
        -------
        PartialFile
            Itself, to be closed by ``with``.

        Raises
        ------
        OptionError
            If it is not the same, or the file is not what its journal says.
        """
        found = self._read_journal()
        changed = [key for key in made_of if found.made_of.get(key) != made_of[key]]
        if changed:
            raise OptionError(
                f"The rows in {self.path.name} were written with another {' and '.join(changed)}, "
                "so that they cannot be gone on with: start anew by --restart."
            )
        self._file = self.path.open("r+b")
        self._lock()
        if os.fstat(self._file.fileno()).st_size < found.bytes:
            self.close()
            raise self._damaged()
        self._file.truncate(found.bytes)
        self._file.seek(found.bytes)
        self.journal = found
        return self

    def append(self, piece: bytes, rows: int, tally: Mapping[str, Any]) -> None:
        """Add a block, and count it once it is on the disk.

        Parameters
        ----------
        piece : bytes
            Its lines.
        rows : int
            How many rows it has.
        tally : mapping
            What has been counted up to its end.
        """
        done = replace(self.journal, rows=self.journal.rows + rows, tally=dict(tally))
        self._append(piece, done)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def finish(self, results: ResultsFormat, output: Path) -> None:
        """Close the file and make the output of it.

        Parameters
        ----------
        results : ResultsFormat
            How it was written.
        output : Path
            What it becomes.
        """
        self.close()
        results.finish(self.path, output)
        self.journal_path.unlink()

    def remove(self) -> None:
        """Close the file and leave nothing of it."""
        with contextlib.suppress(OSError):  # a full disk does not take what is still to be written
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
            f"{self.path.name} is not what its journal {self.journal_path.name} says, so that it "
            "cannot be gone on with: start anew by --restart."
        )

    def _lock(self) -> None:
        """Let no second process write to the file; the lock ends with the process."""
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
