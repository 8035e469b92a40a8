"""Pairs of a query and a training row that has the query within a radius of its own.

In the words of `_exact_search`, a query q is at most r away from a training row x where

    c(q, x) + r²/2 >= ‖q‖²/2.

So the product that finds a query's neighbours finds these pairs too. Its rounding error added, it
leaves few candidates, whose distances are computed in float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs

from ._candidates import flat_true
from ._closeness import ClosenessBlock, ClosenessReference, rounding_error

_ROUNDING = 1e-12  # of a distance in float64


class PairsWithin:
    """The pairs found so far.

    Parameters
    ----------
    radii : ndarray of shape (n,)
        One for each training row, which may be inf.
    """

    def __init__(self, radii: NDArray[np.float64]) -> None:
        self.radii = radii * (1 + _ROUNDING)
        self._parts: list[tuple[NDArray, NDArray, NDArray]] = []

    def add(
        self, q_rows: NDArray[np.intp], x_rows: NDArray[np.intp], distances: NDArray[np.float64]
    ) -> None:
        """Add those of the pairs that are within their radius; several threads may call this."""
        kept = np.flatnonzero(distances <= self.radii[x_rows])
        self._parts.append((q_rows[kept], x_rows[kept], distances[kept]))

    def ordered(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Queries, training rows and distances of the pairs, query by query."""
        q_rows, x_rows, distances = map(np.concatenate, zip(*self._parts, strict=True))
        order = np.lexsort((x_rows, q_rows))
        return q_rows[order], x_rows[order], distances[order]


class ReachByProduct:
    """Candidates for the pairs of a block of queries."""

    def __init__(
        self,
        reference: ClosenessReference,
        radii: NDArray[np.float64],
        product_rows: NDArray,
        dtype: np.dtype,
    ) -> None:
        relative = rounding_error(product_rows.shape[1], dtype)
        itself, half_squares = reference.closeness_to_itself(product_rows)
        self._least = itself - 2 * relative * half_squares
        # With ones beside them: a product adds both limits to a block, faster than two sums.
        self._of_columns = np.ones((len(radii), 2), dtype=dtype)
        with np.errstate(over="ignore"):
            self._of_columns[:, 0] = (0.5 + relative) * (radii / reference.unit) ** 2
        (self._add_product,) = get_blas_funcs(["gemm"], dtype=dtype)
        self._parts: list[tuple[NDArray, NDArray]] = []
        self._mask = np.empty(0, dtype=bool)

    def look_into(self, block: ClosenessBlock) -> None:
        """Keep the pairs of a block that may be within their radius; its excess is overwritten."""
        reach, width = block.excess, block.excess.shape[1]
        of_queries = np.ones((2, len(reach)), dtype=reach.dtype)
        of_queries[1] = -(self._least - block.limit - 2 * block.error)
        of_columns = self._of_columns[block.start : block.start + width]
        with_limits = self._add_product(
            1.0, of_columns, of_queries, beta=1.0, c=reach.T, overwrite_c=True
        )
        reach = with_limits.T
        if self._mask.size < reach.size:  # kept: a new mask costs more than filling it
            self._mask = np.empty(reach.size, dtype=bool)
        mask = self._mask[: reach.size].reshape(reach.shape)
        np.greater_equal(reach, 0, out=mask)
        q_rows, columns = np.divmod(flat_true(mask), width)
        self._parts.append((q_rows, columns + block.start))

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions of queries and training rows."""
        q_rows, x_rows = map(np.concatenate, zip(*self._parts, strict=True))
        return q_rows, x_rows
