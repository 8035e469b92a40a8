"""Results of batches in one array, and word of how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class RowCollector:
    """One array that blocks of rows are written to.

    Parameters
    ----------
    n_rows : int or None
        Number of rows there will be. None: known at the end only; blocks are then kept one by one
        and put together, each freed when it is copied.
    dtype : str
        Type of the array.
    """

    def __init__(self, n_rows: int | None, dtype: str) -> None:
        self._n_rows = n_rows
        self._dtype = dtype
        self._blocks: list[NDArray] = []
        self.n_written = 0

    def block(self, shape: Sequence[int]) -> NDArray:
        """The next rows, to be written to.

        Parameters
        ----------
        shape : sequence of int
            Number of rows, then the shape of a row.

        Returns
        -------
        ndarray of the shape
            The block.

        Raises
        ------
        ValueError
            If there are more rows than was said, or rows of another shape than before.
        """
        start, self.n_written = self.n_written, self.n_written + shape[0]
        if self._n_rows is None:
            self._blocks.append(np.empty(shape, self._dtype))
            return self._blocks[-1]
        if not self._blocks:
            self._blocks.append(np.empty((self._n_rows, *shape[1:]), self._dtype))
        if self.n_written > self._n_rows:
            raise ValueError(f"X has more samples than the {self._n_rows} that its length says.")
        return self._blocks[0][start : self.n_written]

    def result(self) -> NDArray:
        """All rows."""
        if not self.n_written:
            raise ValueError("X must have one or more samples. Got none.")
        if self._n_rows is not None:
            return self._blocks[0][: self.n_written]
        whole = np.empty((self.n_written, *self._blocks[0].shape[1:]), self._dtype)
        end = self.n_written
        while self._blocks:
            block = self._blocks.pop()
            whole[end - len(block) : end] = block
            end -= len(block)
        return whole


class BatchProgress:
    """One line on stderr at the start, at each tenth of the rows, and at the end.

    Parameters
    ----------
    what : str
        What is going on.
    n_rows : int or None
        Number of rows there will be; None if unknown: a line every few seconds.
    quiet : bool
        Say nothing.
    """

    _SECONDS = 5.0

    def __init__(self, what: str, n_rows: int | None, *, quiet: bool) -> None:
        self._what = what
        self._n_rows = n_rows
        self._quiet = quiet
        self._start = self._said_at = time.monotonic()
        self._tenth = 0

    def update(self, n_done: int) -> None:
        """Say how many rows are done, if it is time to."""
        if self._quiet:
            return
        now = time.monotonic()
        if self._n_rows is None:
            if now - self._said_at >= self._SECONDS:
                self._said_at = now
                self._say(f"{n_done} rows, {now - self._start:.1f} s")
            return
        tenth = 10 * n_done // self._n_rows
        if tenth > self._tenth:
            self._tenth = tenth
            percent = 100 * n_done // self._n_rows
            self._say(f"{percent} % of {self._n_rows} rows, {now - self._start:.1f} s")

    def finish(self, n_done: int) -> None:
        """Say that all is done."""
        if not self._quiet and self._n_rows is None:
            self._say(f"{n_done} rows, {time.monotonic() - self._start:.1f} s")

    def _say(self, text: str) -> None:
        print(f"[{self._what}] {text}", file=sys.stderr, flush=True)
