"""Pairs of a query and a training row that has the query within a radius of its own.

In the words of `_exact_search`, a query q is at most r away from a training row x where

    c(q, x) + r²/2 >= ‖q‖²/2.

So the product that finds a query's neighbours finds these pairs too. With the training rows in the
order of their radii, the radii of a block are about the same: one comparison, with the lower of two
limits, then finds the candidates for both. Their distances are computed in float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measures.true_places import flat_true
from ._candidates import Candidates
from ._closeness import ClosenessBlock, ClosenessReference, rounding_error

_ROUNDING = 1e-12  # of a distance in float64
_DENSE = 32  # candidates of a query in one block: then a second pass, by each radius, saves time


class Pairs(NamedTuple):
    """Queries and training rows, query by query and in the order of training."""

    queries: NDArray[np.intp]
    rows: NDArray[np.intp]
    distances: NDArray[np.float64]

    def some(self, chosen: NDArray[np.intp]) -> Pairs:
        """The pairs at these places."""
        queries, rows, distances = self
        return Pairs(queries.take(chosen), rows.take(chosen), distances.take(chosen))


class OrderedReference(ClosenessReference):
    """The same training rows, but blocks of centred rows are in another order."""

    def __init__(self, reference: ClosenessReference, order: NDArray[np.intp]) -> None:
        self.__dict__.update(reference.__dict__)
        self.order = order
        self._ordered_half_squares = reference.half_squares.take(order)

    def rows_at(self, positions: NDArray[np.intp], n_queries: int) -> NDArray[np.intp]:
        """Training rows at these positions of the blocks for this number of queries."""
        return positions if self.takes_raw_rows(n_queries) else self.order.take(positions)

    def _largest_length(self, start: int, stop: int) -> float:
        return float(np.sqrt(2.0 * self._ordered_half_squares[start:stop].max()))

    def _rows_between(self, start: int, stop: int) -> tuple[NDArray, NDArray]:
        rows = self.rows.take(self.order[start:stop], axis=0)
        return rows, self._ordered_half_squares[start:stop]


class Reach:
    """The radius of each training row, for all products of a fitted search.

    Parameters
    ----------
    reference : ClosenessReference
        The training rows.
    radii : ndarray of shape (n,)
        Their radii, which may be inf.
    """

    def __init__(self, reference: ClosenessReference, radii: NDArray[np.float64]) -> None:
        self.reference = OrderedReference(reference, np.argsort(radii, kind="stable"))
        self.radii = radii * (1 + _ROUNDING)
        with np.errstate(over="ignore"):
            self.half_squares = 0.5 * (radii / reference.unit) ** 2
        self.ordered_half_squares = self.half_squares.take(self.reference.order)


class PairsWithin:
    """The pairs of one search that are found so far."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._parts: list[Pairs] = []

    def add(
        self, queries: NDArray[np.intp], rows: NDArray[np.intp], distances: NDArray[np.float64]
    ) -> None:
        """Add those of the pairs that are within their radius."""
        kept = np.flatnonzero(distances <= self.reach.radii.take(rows))
        self._parts.append(Pairs(queries, rows, distances).some(kept))

    def pairs(self) -> Pairs:
        """All pairs."""
        joined = Pairs(*map(np.concatenate, zip(*self._parts, strict=True)))
        if (joined.queries[1:] >= joined.queries[:-1]).all():
            return joined
        return joined.some(np.argsort(joined.queries, kind="stable"))


class CandidatesWithin(Candidates):
    """Candidates for the nearest rows, and for the pairs within a radius."""

    def __init__(self, k: int, reach: Reach, product_rows: NDArray, dtype: np.dtype) -> None:
        super().__init__(len(product_rows), k, dtype)
        relative = rounding_error(product_rows.shape[1], dtype)
        itself, half_squares = reach.reference.closeness_to_itself(product_rows)
        self._least = itself - 2 * relative * half_squares
        self._is_ordered = not reach.reference.takes_raw_rows(len(product_rows))
        of_rows = reach.ordered_half_squares if self._is_ordered else reach.half_squares
        self._of_rows, self._factor = of_rows, 1 + 2 * relative
        self._reached: list[tuple[NDArray, NDArray]] = []

    def reached(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Candidates for the pairs: queries, and positions of training rows in the blocks."""
        q_rows, positions = map(np.concatenate, zip(*self._reached, strict=True))
        return q_rows, positions

    def add_reached(self, block: ClosenessBlock) -> None:
        """Add the pairs of a block that may be within their radius."""
        places = flat_true(self._within(block))
        q_rows, columns = np.divmod(places, block.excess.shape[1])
        self._reached.append((q_rows, columns + block.start))

    def least(self, start: int, stop: int, error: NDArray) -> NDArray:
        """The least closeness that may be among the k nearest, or within a radius."""
        least = super().least(start, stop, error)
        if not self._is_ordered:
            return least
        with np.errstate(over="ignore"):
            reached = self._wanted(error) - self._of_rows[stop - 1] * self._factor
            return np.minimum(least, reached.astype(least.dtype))

    def _places(self, block: ClosenessBlock, least: NDArray) -> NDArray[np.intp]:
        if self._is_ordered:
            places = super()._places(block, least)
            if len(places) <= _DENSE * len(block.excess):
                return places
        near = super().least(0, 0, block.error) - block.limit
        return flat_true((block.excess >= near[:, np.newaxis]) | self._within(block))

    def _take(
        self,
        block: ClosenessBlock,
        q_rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        excess: NDArray,
    ) -> None:
        positions = columns + block.start
        total = excess + self._of_rows.take(positions) * self._factor
        wanted, least = self._wanted(block.error), super().least(0, 0, block.error)
        kept = np.flatnonzero(total >= (wanted - block.limit).take(q_rows))
        self._reached.append((q_rows.take(kept), positions.take(kept)))
        near = np.flatnonzero(excess >= (least - block.limit).take(q_rows))
        super()._take(block, q_rows.take(near), columns.take(near), excess.take(near))

    def _within(self, block: ClosenessBlock) -> NDArray[np.bool_]:
        excess = block.excess
        of_rows = self._of_rows[block.start : block.start + excess.shape[1]] * self._factor
        limits = (self._wanted(block.error) - block.limit)[:, np.newaxis]
        with np.errstate(over="ignore"):
            return excess >= limits.astype(excess.dtype) - of_rows.astype(excess.dtype)

    def _wanted(self, error: NDArray) -> NDArray[np.float64]:
        """The least sum of a closeness of this error and half the square of a radius."""
        return self._least - 2.0 * error
