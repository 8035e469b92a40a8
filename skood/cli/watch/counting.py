"""Counts rows: the monitor and the ledger advance in one step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skood.cli.files import TableError

from .._errors import DataError, UsageError
from .._speaking import Voice
from .reading import Batch
from .state import State

_SAVE_EVERY = 1.0  # seconds, while batches come without a pause


class Counter:
    """Counts batches. `counted` is called for each batch, after the state is saved.

    Many small batches are saved together. If the process is killed before, the next run takes them
    again.

    `n_faults` counts the files that this process set aside, and the times that it left out rows.
    """

    def __init__(self, state: State, voice: Voice, counted: Callable[[str, Any], None]) -> None:
        self.state, self.voice, self._counted = state, voice, counted
        self.n_faults = 0
        self._not_saved: list[tuple[str, Any]] = []
        self._saved = 0.0

    def update(self, name: str, batch: Batch) -> Any:
        """Count rows in the monitor, all of them or none."""
        update = self.state.monitor.update(batch.rows, batch.times)
        self.state.count(name, batch.start, len(batch.rows))
        return update

    def advance(self, name: str, update: Any) -> None:
        """Note that the rows count, and that the ledger has them."""
        self._not_saved.append((name, update))
        self.state.is_dirty = True
        if update.alarm or time.monotonic() - self._saved >= _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Save rows for good, and report them; an error here is not an error of the input."""
        if not self.state.is_dirty:
            return
        try:
            self.state.save()
        except OSError as error:
            raise UsageError(
                f"The state {str(self.state.path)!r} cannot be written: {error.strerror}."
            ) from error
        self._saved = time.monotonic()
        batches, self._not_saved = self._not_saved, []
        for name, update in batches:
            self._counted(name, update)

    def tell_fault(self, line: str) -> None:
        """Report that rows do not count."""
        self.n_faults += 1
        self.state.is_dirty = True
        self.voice.warn(line)


@contextmanager
def plain_faults(name: str) -> Iterator[None]:
    """Make a `TableError` of errors with one file; a file that has gone is no error."""
    try:
        yield
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise TableError(f"{name} is damaged: its text is not UTF-8.") from error
    except TableError as error:
        raise type(error)(" ".join(str(error).split())) from error
    except (ValueError, DataError) as error:
        raise TableError(" ".join(str(error).split())) from error
    except OSError as error:
        raise TableError(f"{name} cannot be read: {error.strerror}.") from error
