"""Pairs of query and training row that may be among the nearest, while the training rows pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._closeness import ClosenessBlock

_GROUP = 16  # columns of which only the best counts for the first bound: a 16th to sort, as good


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
        values = excess.ravel()[found] + limit[q_rows]
        self.extend(q_rows, columns + start, values, error[q_rows])

    def extend(
        self, q_rows: NDArray[np.intp], x_rows: NDArray[np.intp], values: NDArray, margin: NDArray
    ) -> None:
        """Take in pairs of a closeness that is off by at most `margin`."""
        self._parts.append((q_rows, x_rows, values - margin, values + margin))
        self._n_new += len(q_rows)

    def tighten(self) -> None:
        """Raise the bound to what the pairs at hand allow, and drop those that fall below it."""
        parts = [(self.q_rows, self.x_rows, self.lower, self.upper), *self._parts]
        self.q_rows, self.x_rows, self.lower, self.upper = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        self._parts, self._n_new = [], 0
        kth = _kth_largest_of_pairs(self.q_rows, self.lower, len(self.bound), self.k)
        np.maximum(self.bound, kth, out=self.bound)
        self.keep(self.upper >= self.bound[self.q_rows])

    def keep(self, kept: NDArray) -> None:
        """Keep these pairs, given as a mask or as positions, and no others."""
        kept = kept.ravel()
        self.q_rows, self.x_rows = self.q_rows[kept], self.x_rows[kept]
        self.lower, self.upper = self.lower[kept], self.upper[kept]


def _flat_true(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of the few True in a mask, as `np.flatnonzero` gives them, several times faster."""
    if mask.size % 8:
        return np.flatnonzero(mask)
    words = np.flatnonzero(mask.ravel().view(np.uint64) != 0)  # eight at a time
    flags = mask.ravel().reshape(-1, 8)[words]
    word, place = np.nonzero(flags)
    return words[word] * 8 + place


def _kth_largest(closeness: NDArray, k: int) -> NDArray:
    """A lower bound of the k-th largest of each row, close to it; -inf if there are fewer."""
    m, columns = closeness.shape
    if columns < k:
        return np.full(m, -np.inf, dtype=closeness.dtype)
    groups = columns // _GROUP
    if groups >= 2 * k:  # the k best are seldom of one group
        grouped = closeness[:, : groups * _GROUP].reshape(m, _GROUP, groups)
        closeness, columns = grouped.max(axis=1), groups
    return np.partition(closeness, columns - k, axis=1)[:, columns - k]


def _kth_largest_of_pairs(q_rows: NDArray[np.intp], values: NDArray, m: int, k: int) -> NDArray:
    """K-th largest value of each query's pairs; -inf for a query with fewer."""
    # 16-bit keys: NumPy's stable sort of these is a radix sort
    order = np.argsort(q_rows.astype(np.uint16 if m < 1 << 16 else np.intp), kind="stable")
    counts = np.bincount(q_rows, minlength=m)
    width = int(counts.max(initial=0))
    if width < k:
        return np.full(m, -np.inf, dtype=values.dtype)
    first = np.cumsum(counts) - counts
    padded = np.full((m, width), -np.inf, dtype=values.dtype)
    rows = q_rows[order]
    padded[rows, np.arange(len(order)) - first[rows]] = values[order]
    return np.partition(padded, width - k, axis=1)[:, width - k]
