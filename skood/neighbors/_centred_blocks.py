"""Blocks of training rows that are made once for several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_Key = tuple[int, int, np.dtype]


class CentredBlocks:
    """The last few blocks, shared by threads that read the same rows at about the same time.

    The first thread that needs a block makes it, and a thread that comes meanwhile waits. That
    keeps the threads in step: the second thread gets its block at once and catches up. A thread
    that is further behind than the kept blocks makes its block again. ``fill(start, stop, array)``
    writes the rows from `start` to `stop` into an array.
    """

    def __init__(
        self, fill: Callable[[int, int, NDArray], None], shape: tuple[int, int], n_readers: int
    ) -> None:
        self._fill = fill
        self._shape = shape
        # One more than the threads hold, so that a block stays until all threads have read it.
        self._slots = [_Slot() for _ in range(n_readers + (n_readers > 1))]
        self._lock = threading.Lock()

    @contextmanager
    def block(self, start: int, stop: int, dtype: np.dtype) -> Iterator[NDArray]:
        """The rows from `start` to `stop`, unchanged until the end of the context."""
        slot = self._taken((start, stop, dtype))
        try:
            with slot.lock:
                if not slot.filled:  # also after a thread failed while it filled the slot
                    if slot.array.dtype != dtype:
                        slot.array = np.empty(self._shape, dtype=dtype)
                    self._fill(start, stop, slot.array[: stop - start])
                    slot.filled = True
            yield slot.array[: stop - start]
        finally:
            with self._lock:
                slot.readers -= 1

    def _taken(self, key: _Key) -> _Slot:
        """The slot of this block, or the free slot that was taken the longest time ago."""
        with self._lock:
            slot = next((slot for slot in self._slots if slot.key == key), None)
            if slot is None:
                slot = next(slot for slot in self._slots if slot.readers == 0)
                slot.key, slot.filled = key, False
            slot.readers += 1
            self._slots.remove(slot)
            self._slots.append(slot)
            return slot


class _Slot:
    """Room for one block."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # held while the block is made
        self.key: _Key | None = None
        self.filled = False
        self.readers = 0
        self.array: NDArray = np.empty(0, dtype=bool)  # until the first block
