"""Uniform samples of rows that go on while rows come in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PER_STEP = 4  # numbers that the generator makes at each step of its counter


def priorities(start: int, stop: int, seed: int) -> NDArray[np.uint64]:
    """A random number for each position from `start` on; the same whatever the range is."""
    generator = np.random.Philox(key=seed)
    generator.advance(start // _PER_STEP)
    return generator.random_raw(start % _PER_STEP + stop - start)[start % _PER_STEP :]


def uniform_sample(n: int, size: int, seed: int) -> NDArray[np.intp]:
    """Positions of `size` of n rows, ascending: those with the smallest random numbers.

    All sets of that size are equally likely. What a sample of more rows has in common with the rows
    before it is in the sample of those, so it can be kept up while rows are appended.
    """
    if n <= size:
        return np.arange(n)
    return np.sort(np.argpartition(priorities(0, n, seed), size)[:size])
