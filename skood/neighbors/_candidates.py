"""Pairs of query and training row that may be among the nearest, while the training rows pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._closeness import ClosenessBlock

_GROUP = 16  # columns of which only the best counts for the first bound: a 16th to sort, as good
_GROUPS = 64  # for each of k, of one query: there the sort counts, and a few more candidates do not


class Candidates:
    """Candidates for the k nearest training rows of m queries.

    A pair is known by two numbers between which its true closeness lies. The k-th largest of the
    lower ones is a bound that no true neighbour's upper number falls below.
    """

    def __init__(self, m: int, k: int, dtype: np.dtype) -> None:
        self.k = k
        self.bound = np.full(m, -np.inf, dtype=dtype)
        self.q_rows = np.empty(0, dtype=np.intp)
        self.x_rows = np.empty(0, dtype=np.intp)
        self.lower = np.empty(0, dtype=dtype)
        self.upper = np.empty(0, dtype=dtype)
        self._parts: list[tuple[NDArray, NDArray, NDArray, NDArray]] = []
        self._n_new = 0
        self._mask = np.empty(0, dtype=bool)

    def __len__(self) -> int:
        return len(self.q_rows) + self._n_new

    def add(self, block: ClosenessBlock) -> None:
        """Take in what may still be among the k nearest."""
        start, excess, limit, error = block
        if self.bound[0] == -np.inf:  # the first bound is set for all queries at once
            kth = _kth_largest(excess, self.k)
            np.maximum(self.bound, kth - error, out=self.bound)
            candidate = excess >= (self.bound - error)[:, np.newaxis]
        else:
            if self._mask.size < excess.size:  # kept: a new one each time costs more than the pass
                self._mask = np.empty(excess.size, dtype=bool)
            candidate = self._mask[: excess.size].reshape(excess.shape)
            np.greater_equal(excess, 0, out=candidate)
        found = _flat_true(candidate)
        q_rows, columns = np.divmod(found, excess.shape[1])
        values = excess.ravel().take(found) + limit.take(q_rows)
        self.extend(q_rows, columns + start, values, error.take(q_rows))

    def extend(
        self, q_rows: NDArray[np.intp], x_rows: NDArray[np.intp], values: NDArray, margin: NDArray
    ) -> None:
        """Take in pairs of a closeness that is off by at most `margin`."""
        self._parts.append((q_rows, x_rows, values - margin, values + margin))
        self._n_new += len(q_rows)

    def _tighten(self) -> None:
        """Raise the bound to what the pairs at hand allow."""
        if not self._parts:
            return
        parts = [(self.q_rows, self.x_rows, self.lower, self.upper), *self._parts]
        self.q_rows, self.x_rows, self.lower, self.upper = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        self._parts, self._n_new = [], 0
        kth = _kth_largest_of_pairs(self.q_rows, self.lower, len(self.bound), self.k)
        np.maximum(self.bound, kth, out=self.bound)

    def drop(self) -> None:
        """Drop the pairs that can't be among the k nearest by what is known now."""
        self._tighten()
        self.keep(np.flatnonzero(self.upper >= self.bound.take(self.q_rows)))

    def keep(self, positions: NDArray[np.intp]) -> None:
        """Keep the pairs at these positions and no others."""
        self.q_rows, self.x_rows = self.q_rows.take(positions), self.x_rows.take(positions)
        self.lower, self.upper = self.lower.take(positions), self.upper.take(positions)


def candidates_of_one(block: ClosenessBlock, k: int) -> NDArray[np.intp]:
    """Training rows that may be among the k nearest of one query, whose block has all of them."""
    closeness, error = block.excess[0], block.error[0]
    group = max(_GROUP, len(closeness) // (_GROUPS * k))
    x_rows = _flat_true(closeness >= _kth_largest(block.excess, k, group)[0] - error - error)
    values = closeness.take(x_rows)
    if len(values) <= k:
        return x_rows
    kth = np.partition(values, len(values) - k)[len(values) - k]
    return x_rows[values + error >= kth - error]


def _flat_true(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of the few True in a mask, as `np.flatnonzero` gives them, several times faster."""
    if mask.size % 8:
        return np.flatnonzero(mask)
    eights = mask.ravel().view(np.uint64)
    words = np.flatnonzero(eights != 0)
    found = np.flatnonzero(eights.take(words).view(np.bool_))
    return words.take(found >> 3) * 8 + (found & 7)


def _kth_largest(closeness: NDArray, k: int, group: int = _GROUP) -> NDArray:
    """A lower bound of the k-th largest of each row, close to it; -inf if there are fewer."""
    m, columns = closeness.shape
    if columns < k:
        return np.full(m, -np.inf, dtype=closeness.dtype)
    groups = columns // group
    if groups >= 2 * k:  # the k best are seldom of one group
        grouped = closeness[:, : groups * group].reshape(m, group, groups)
        closeness, columns = grouped.max(axis=1), groups
    return np.partition(closeness, columns - k, axis=1)[:, columns - k]


def _kth_largest_of_pairs(q_rows: NDArray[np.intp], values: NDArray, m: int, k: int) -> NDArray:
    """K-th largest value of each query's pairs; -inf for a query with fewer."""
    counts = np.bincount(q_rows, minlength=m)
    width = int(counts.max(initial=0))
    if width < k:
        return np.full(m, -np.inf, dtype=values.dtype)
    if _is_ragged(counts):
        order = np.lexsort((-values, q_rows))
        place = np.minimum(np.cumsum(counts) - counts + k, len(values)) - 1
        return np.where(counts < k, -np.inf, values[order[place]]).astype(values.dtype)
    order, places = _by_query(q_rows, counts)
    padded = np.full((m, width), -np.inf, dtype=values.dtype)
    padded.ravel()[places] = values.take(order)
    return np.partition(padded, width - k, axis=1)[:, width - k]


def nearest_of_ordered_pairs(
    q_rows: NDArray[np.intp], distances: NDArray[np.float64], m: int, k: int
) -> NDArray[np.intp]:
    """Which pairs are the k nearest of each of m queries, (m, k), nearest first.

    The pairs of a query, at least k, stand in the order of training, and so do ties in the answer.
    """
    if m == 1:
        return np.argsort(distances, kind="stable")[np.newaxis, :k]
    counts = np.bincount(q_rows, minlength=m)
    first = (np.cumsum(counts) - counts)[:, np.newaxis]
    if _is_ragged(counts):
        return np.lexsort((distances, q_rows))[first + np.arange(k)]
    order, places = _by_query(q_rows, counts)
    padded = np.full((m, int(counts.max(initial=0))), np.inf)
    padded.ravel()[places] = distances.take(order)
    return order[first + np.argsort(padded, axis=1, kind="stable")[:, :k]]


def _is_ragged(counts: NDArray[np.intp]) -> bool:
    """Whether a matrix that holds all pairs would be mostly empty: a few queries have many ties."""
    return len(counts) * int(counts.max(initial=0)) > 8 * int(counts.sum()) + (1 << 16)


def _by_query(
    q_rows: NDArray[np.intp], counts: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Order of pairs by query, else as they stand, and their flat places in a padded matrix."""
    m, width = len(counts), int(counts.max(initial=0))
    # 16-bit keys: NumPy's stable sort of these is a radix sort
    order = np.argsort(q_rows.astype(np.uint16 if m < 1 << 16 else np.intp), kind="stable")
    gap = np.arange(m) * width - (np.cumsum(counts) - counts)
    return order, np.repeat(gap, counts) + np.arange(len(order))
