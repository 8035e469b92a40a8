"""Counts rows: the monitor and the ledger advance in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skood.cli.files import TableError

from .._errors import DataError, UsageError
from .._speaking import Voice
from .reading import Batch
from .state import State


class Counter:
    """Counts batches. `counted` is told each of them, after the state is saved.

    `n_faults` are the files that this process has set aside, and the times it has left out rows.
    """

    def __init__(self, state: State, voice: Voice, counted: Callable[[str, Any], None]) -> None:
        self.state, self.voice, self._counted = state, voice, counted
        self.n_faults = 0

    def update(self, name: str, batch: Batch) -> Any:
        """Count rows in the monitor, all of them or none."""
        update = self.state.monitor.update(batch.rows, batch.times)
        self.state.count(name, batch.start, len(batch.rows))
        return update

    def save(self, name: str, update: Any) -> None:
        """Make the rows known for good, with what the ledger says of them."""
        self.save_state()
        self._counted(name, update)

    def save_state(self) -> None:
        """Save the state; an error is none of the file that is read."""
        try:
            self.state.save()
        except OSError as error:
            raise UsageError(
                f"The state {str(self.state.path)!r} cannot be written: {error.strerror}."
            ) from error

    def tell_fault(self, line: str) -> None:
        """Say that rows do not count."""
        self.n_faults += 1
        self.state.is_dirty = True
        self.voice.warn(line)


@contextmanager
def plain_faults(name: str) -> Iterator[None]:
    """Errors with one file as `TableError`, in one line; a file that has gone is none."""
    try:
        yield
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise TableError(f"{name} is damaged: it has text that is no UTF-8.") from error
    except TableError as error:
        raise type(error)(" ".join(str(error).split())) from error
    except (ValueError, DataError) as error:
        raise TableError(" ".join(str(error).split())) from error
    except OSError as error:
        raise TableError(f"{name} cannot be read: {error.strerror}.") from error
