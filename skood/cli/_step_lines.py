"""The steps of some work on stderr, with the time that they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Self, TextIO

from skood.rows.progress import StatusLine

from ._errors import shown
from ._progress import duration


class StepLog:
    """A line for each finished step, with its time. A terminal shows the running step too."""

    def __init__(self, n_steps: int, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._n_steps, self._n_started = n_steps, 0
        self._line = StatusLine(quiet=quiet, stream=stream)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Report the ``with`` block as a step."""
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
    """The running step with the time that is left, on a terminal only. Use it by ``with``."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._line = StatusLine(quiet=quiet)
        self._start = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wipe out the line, also after an error."""
        self._line.draw("")

    def show(self, done: int, total: int, what: str) -> None:
        """Show the step after the first `done` steps."""
        text = f"[{done + (done < total)}/{total}] {shown(what)}"
        if done:
            left = (perf_counter() - self._start) / done * (total - done)
            text += f" ({duration(left)} left)"
        self._line.draw(text)
