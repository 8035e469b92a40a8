"""Blocks of rows that follow each other: every loop over blocks takes them from here."""

from __future__ import annotations

from collections.abc import Iterator


def slices(n: int, budget: int, each: int = 1) -> Iterator[slice]:
    """Slices of n rows, each with as many rows of size `each` as the budget allows, at least one.

    Examples
    --------
    >>> from skood.measures.blocks import slices
    >>> list(slices(10, 100, each=24))
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    """
    step = max(1, budget // max(1, each))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))
