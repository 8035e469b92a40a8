"""The results of batches in one array, and the progress."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..rows.progress import Progress


class RowCollector:
    """Collects blocks of rows in one array.

    With `n_rows` None the blocks stay separate. The result joins them and frees each after its
    copy.
    """

    def __init__(self, n_rows: int | None, dtype: str) -> None:
        self._n_rows = n_rows
        self._dtype = dtype
        self._blocks: list[NDArray] = []
        self.n_written = 0

    def block(self, shape: Sequence[int]) -> NDArray:
        """The memory for the next rows; `shape` begins with their number."""
        start, self.n_written = self.n_written, self.n_written + shape[0]
        if self._n_rows is None:
            self._blocks.append(np.empty(shape, self._dtype))
            return self._blocks[-1]
        if not self._blocks:
            self._blocks.append(np.empty((self._n_rows, *shape[1:]), self._dtype))
        if self.n_written > self._n_rows:
            raise ValueError(f"X has more samples than its length, {self._n_rows}.")
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


class BatchProgress(Progress):
    """The number of passed rows: a line at each tenth, or every five seconds if it is unknown."""

    seconds_between = 5.0
    _tenth = 0

    def is_time(self) -> bool:
        """Whether a line is due."""
        if self.total is None:
            return super().is_time()
        before, self._tenth = self._tenth, 10 * self.done // self.total
        return self._tenth > before

    def line(self) -> str:
        """The number of passed rows, and their time."""
        share = "" if self.total is None else f"{100 * self.done // self.total} % of "
        return f"[{self.what}] {share}{self.total or self.done} rows, {self.seconds:.1f} s"

    def last_line(self) -> str | None:
        """The number of all rows, if no line has it yet."""
        return self.line() if self.has_bar or self.total is None else None
