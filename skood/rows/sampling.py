"""Uniform samples of rows that grow with the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PER_STEP = 4  # random numbers at each step of the generator's counter


def priorities(start: int, stop: int, seed: int) -> NDArray[np.uint64]:
    """A random number for each position from `start` on, which does not depend on the range."""
    generator = np.random.Philox(key=seed)
    generator.advance(start // _PER_STEP)
    return generator.random_raw(start % _PER_STEP + stop - start)[start % _PER_STEP :]


def uniform_sample(n: int, size: int, seed: int) -> NDArray[np.intp]:
    """Positions of `size` of n rows, ascending: those with the smallest random numbers.

    All sets of that size are equally likely. When rows are added, the sample gets no earlier row
    that it did not have. So it can be updated without the earlier rows.
    """
    if n <= size:
        return np.arange(n)
    return np.sort(np.argpartition(priorities(0, n, seed), size)[:size])
