"""Hashes of rows by their values, and the search for a hash in a sorted list."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices

_BLOCK_BYTES = 1 << 20
_FOLD = np.uint64(32)

# From places in the list and numbers of rows: which of these pairs are truly equal.
EqualPairs = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.bool_]]


def row_hashes(X: NDArray[Any], seed: int, stride: int = 1) -> NDArray[np.uint64]:
    """A 64-bit hash of each row of floats; rows with equal values have equal hashes.

    Only every `stride`-th column counts. Hashes with different seeds are independent. The same rows
    have the same hashes in every process. Rows that differ in exactly one of the columns that count
    never have the same hash.
    """
    factors = row_factors(-(-X.shape[1] // stride), seed)
    hashes = np.empty(len(X), dtype=np.uint64)
    for part in slices(len(X), _BLOCK_BYTES, each=8 * X.shape[1]):
        # Adding 0 turns -0.0 into 0.0: equal values need equal bits.
        block = np.ascontiguousarray(X[part][:, ::stride]) + X.dtype.type(0)
        bits = block.view(f"u{X.itemsize}").astype(np.uint64)
        # Small whole numbers differ only in the upper bits, and a product carries upwards only.
        bits ^= bits >> _FOLD
        bits *= factors
        bits ^= bits >> _FOLD
        hashes[part] = (bits * factors).sum(axis=1, dtype=np.uint64)
    return hashes


@cache
def row_factors(d: int, seed: int) -> NDArray[np.uint64]:
    """Random odd numbers, one for each column."""
    # Odd: a product with them loses nothing. Cached: drawing them takes as long as searching a row.
    factors = np.random.default_rng(seed).integers(0, 2**63, size=d, dtype=np.uint64)
    factors = factors * np.uint64(2) + np.uint64(1)
    factors.flags.writeable = False
    return factors


def first_match(
    ordered: NDArray[np.uint64], hashes: NDArray[np.uint64], equal: EqualPairs
) -> NDArray[np.intp]:
    """First place of each hash in the ordered list for which `equal` holds, -1 for none."""
    place = np.searchsorted(ordered, hashes, side="left")
    end = np.searchsorted(ordered, hashes, side="right")
    matches = np.full(len(hashes), -1, dtype=np.intp)
    rows = np.flatnonzero(place < end)
    while rows.size:  # a second round only where other rows have the same hash
        matched = equal(place[rows], rows)
        matches[rows[matched]] = place[rows[matched]]
        rows = rows[~matched]
        place[rows] += 1
        rows = rows[place[rows] < end[rows]]
    return matches
