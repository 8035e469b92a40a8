"""Progress on stderr: one line per step."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TextIO


class Progress:
    """Say which step runs, and how long it took.

    On a terminal the line shows while the step runs and is completed in place; in a file or a pipe
    each step leaves one finished line.

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
        self.n_steps = n_steps
        self.quiet = quiet
        self.stream = sys.stderr if stream is None else stream
        self._n_started = 0

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Report the step that the block is."""
        self._n_started += 1
        line = f"[{self._n_started}/{self.n_steps}] {what}"
        animated = self.stream.isatty()
        if animated:
            self._write(f"{line} ...")
        start = perf_counter()
        try:
            yield
        except BaseException:
            if animated:
                self._write("\n")  # what is said about the error starts on its own line
            raise
        finished = f"{line}: {perf_counter() - start:.2f} s"
        self._write(f"\r{finished}\n" if animated else f"{finished}\n")

    def _write(self, text: str) -> None:
        if not self.quiet:
            self.stream.write(text)
            self.stream.flush()
