"""Which step of some work runs, and how long it takes, said on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Self, TextIO

from skood.rows.progress import StatusLine


class StepLog:
    """A line for each step with the time that it took; a terminal shows the running one too.

    Parameters
    ----------
    n_steps : int
        How many steps there will be.
    quiet : bool, default=False
        Say nothing.
    stream : file, default=None
        Where to write to. None takes ``sys.stderr``.
    """

    def __init__(self, n_steps: int, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._n_steps, self._n_started = n_steps, 0
        self._line = StatusLine(quiet=quiet, stream=stream)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Report the step that the block is."""
        self._n_started += 1
        step = f"[{self._n_started}/{self._n_steps}] {what}"
        self._line.draw(f"{step} ...")
        start = perf_counter()
        try:
            yield
        except BaseException:
            if self._line.on_terminal:
                self._line.keep(f"{step} ...")  # the error starts on a line of its own
            raise
        self._line.keep(f"{step}: {perf_counter() - start:.2f} s")


class StepLine:
    """One line that is drawn over by each step, with the time that is left; only on a terminal.

    To be used by ``with``.

    Parameters
    ----------
    quiet : bool, default=False
        Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._line = StatusLine(quiet=quiet)
        self._start = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave an empty line behind, also after an error."""
        self._line.draw("")

    def show(self, done: int, total: int, what: str) -> None:
        """Show which step begins, after so many steps of all."""
        text = f"[{done + (done < total)}/{total}] {what}"
        if done:
            left = (perf_counter() - self._start) / done * (total - done)
            text += f" ({_clock(left)} left)"
        self._line.draw(text)


def _clock(seconds: float) -> str:
    """Minutes and seconds, hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
