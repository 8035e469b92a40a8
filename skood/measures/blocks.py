"""The one way to go through many rows a block at a time."""

from __future__ import annotations

from collections.abc import Iterator


def slices(n: int, budget: int, each: int = 1) -> Iterator[slice]:
    """Slices of n rows from the first to the last, each of as many rows as a budget holds.

    Parameters
    ----------
    n : int
        Number of rows.
    budget : int
        What a block may take, in any unit: rows, values, bytes.
    each : int, default=1
        What one row takes, in that unit. A block has one row at least.

    Yields
    ------
    slice
        With a start and a stop, which is at most n.

    Examples
    --------
    >>> from skood.measures.blocks import slices
    >>> list(slices(10, 100, each=24))
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    """
    step = max(1, budget // max(1, each))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))
