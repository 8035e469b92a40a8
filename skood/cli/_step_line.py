"""A line on the terminal that says which step runs, and how long all of them may take yet."""

from __future__ import annotations

import shutil
import sys
from time import perf_counter
from typing import Self, TextIO

_CLEAR = "\r\x1b[K"


class StepLine:
    """One line that is written over by each step; in a file or a pipe there is none.

    Parameters
    ----------
    quiet : bool, default=False
        Show nothing.
    stream : file, default=None
        Where to write to. None takes ``sys.stderr``.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.shown = not quiet and self.stream.isatty()
        self._start = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave an empty line behind, also after an error."""
        if self.shown:
            self.stream.write(_CLEAR)
            self.stream.flush()

    def show(self, done: int, total: int, what: str) -> None:
        """Say what runs, after so many steps of all.

        Parameters
        ----------
        done, total : int
            How many steps are done, and how many there are.
        what : str
            The step that begins.
        """
        if not self.shown:
            return
        text = f"[{done + (done < total)}/{total}] {what}"
        if done:
            left = (perf_counter() - self._start) / done * (total - done)
            text += f" ({_duration(left)} left)"
        width = shutil.get_terminal_size().columns - 1  # a full line would wrap
        self.stream.write(_CLEAR + text[:width])
        self.stream.flush()


def _duration(seconds: float) -> str:
    """Minutes and seconds, hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
