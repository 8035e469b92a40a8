"""Pairs of query and training row that may be among the nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..measures.true_places import flat_true
from ._closeness import ClosenessBlock

_GROUP = 16  # columns, of which only the best value counts for the first bound
# groups for each of the k neighbours of a single query: few to sort, for a few more candidates
_GROUPS = 64


class Candidates:
    """Candidates for the k nearest training rows of m queries.

    The true closeness of a pair lies between a lower and an upper number. The k-th largest lower
    number of a query is a bound: the upper number of a true neighbour is never below it.
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

    def least(self, start: int, stop: int, error: NDArray) -> NDArray:  # noqa: ARG002
        """The least closeness that may be among the k nearest."""
        return self.bound - error

    def add(self, block: ClosenessBlock) -> None:
        """Add the pairs of a block that may be among the k nearest."""
        start, excess, limit, error = block
        least = np.zeros_like(limit[:1])
        if self.bound[0] == -np.inf:  # the first bound is set for all queries at once
            kth = _kth_largest(excess, self.k)
            np.maximum(self.bound, kth - error, out=self.bound)
            least = self.least(start, start + excess.shape[1], error)
        places = self._places(block, least)
        q_rows, columns = np.divmod(places, excess.shape[1])
        self._take(block, q_rows, columns, excess.ravel().take(places))

    def _places(self, block: ClosenessBlock, least: NDArray) -> NDArray[np.intp]:
        """Flat places of the block where the excess is not below `least`, (m,) or (1,)."""
        excess = block.excess
        if self._mask.size < excess.size:  # kept: a new mask costs more than filling it
            self._mask = np.empty(excess.size, dtype=bool)
        mask = self._mask[: excess.size].reshape(excess.shape)
        return flat_true(np.greater_equal(excess, least[:, np.newaxis], out=mask))

    def _take(
        self,
        block: ClosenessBlock,
        q_rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        excess: NDArray,
    ) -> None:
        """Add these pairs of a block."""
        values = excess + block.limit.take(q_rows)
        self.extend(q_rows, columns + block.start, values, block.error.take(q_rows))

    def extend(
        self, q_rows: NDArray[np.intp], x_rows: NDArray[np.intp], values: NDArray, margin: NDArray
    ) -> None:
        """Add pairs whose closeness has an error of at most `margin`."""
        self._parts.append((q_rows, x_rows, values - margin, values + margin))
        self._n_new += len(q_rows)

    def _tighten(self) -> None:
        """Raise the bound as far as the pairs allow."""
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
        """Drop the pairs that cannot be among the k nearest."""
        self._tighten()
        self.keep(np.flatnonzero(self.upper >= self.bound.take(self.q_rows)))

    def keep(self, positions: NDArray[np.intp]) -> None:
        """Keep only the pairs at these positions."""
        self.q_rows, self.x_rows = self.q_rows.take(positions), self.x_rows.take(positions)
        self.lower, self.upper = self.lower.take(positions), self.upper.take(positions)


def candidates_of_one(block: ClosenessBlock, k: int) -> NDArray[np.intp]:
    """Training rows that may be among the k nearest of one query, whose block has all of them."""
    closeness, error = block.excess[0], block.error[0]
    group = max(_GROUP, len(closeness) // (_GROUPS * k))
    x_rows = flat_true(closeness >= _kth_largest(block.excess, k, group)[0] - error - error)
    values = closeness.take(x_rows)
    if len(values) <= k:
        return x_rows
    kth = np.partition(values, len(values) - k)[len(values) - k]
    return x_rows[values + error >= kth - error]


def _kth_largest(closeness: NDArray, k: int, group: int = _GROUP) -> NDArray:
    """A close lower bound of the k-th largest value of each row; -inf if it has fewer values."""
    m, columns = closeness.shape
    if columns < k:
        return np.full(m, -np.inf, dtype=closeness.dtype)
    groups = columns // group
    if groups >= 2 * k:  # two of the k best are seldom in one group
        grouped = closeness[:, : groups * group].reshape(m, group, groups)
        closeness, columns = grouped.max(axis=1), groups
    return np.partition(closeness, columns - k, axis=1)[:, columns - k]


def _kth_largest_of_pairs(q_rows: NDArray[np.intp], values: NDArray, m: int, k: int) -> NDArray:
    """K-th largest value among each query's pairs; -inf for a query with fewer pairs."""
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
    """Positions of the k nearest pairs of each of m queries, (m, k), nearest first.

    The pairs of a query, at least k, are in the order of training. So are ties in the answer.
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
    """Whether a matrix of all pairs would be mostly empty, since a few queries have many ties."""
    return len(counts) * int(counts.max(initial=0)) > 8 * int(counts.sum()) + (1 << 16)


def _by_query(
    q_rows: NDArray[np.intp], counts: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A stable order of the pairs by query, and their flat places in a padded matrix."""
    m, width = len(counts), int(counts.max(initial=0))
    # 16-bit keys: NumPy's stable sort of these is a radix sort
    order = np.argsort(q_rows.astype(np.uint16 if m < 1 << 16 else np.intp), kind="stable")
    gap = np.arange(m) * width - (np.cumsum(counts) - counts)
    return order, np.repeat(gap, counts) + np.arange(len(order))
