"""Closeness of queries to training rows: a matrix product and a bound of its rounding error."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.powers_of_two import safe_unit
from ..rows.place import is_stored
from ._centred_blocks import CentredBlocks
from ._product import Product

TRAINING_BLOCK = 2048  # rows centred at a time, for a whole block of queries
# Columns of the product at a time, for many queries: these few stay in the cache for the pass that
# looks for candidates. More columns make the product itself faster, which counts for wide rows.
_COLUMNS, _MANY_QUERIES, _WIDE = 512, 512, 256
# The first product sets the first bound: the more rows it has, the fewer candidates come later.
_FIRST_BLOCK = 2 * TRAINING_BLOCK
FEW_QUERIES = 32  # up to this number, centring the training rows would cost as much as the product
_NEAR = 0.05  # of the rows' length: a mean this close to the origin is not subtracted
_BLOCK_CELLS = 1 << 21  # products in memory at a time, for each thread
_STORED_BYTES = 1 << 23  # of rows on disk at a time


class ClosenessBlock(NamedTuple):
    """Closeness of m queries to the training rows from `start` on, above a limit of each query."""

    start: int
    excess: NDArray[Any]
    """(m, b), in the dtype of the rows: closeness minus limit. The next block overwrites it."""
    limit: NDArray[Any]
    """(m,): about the least closeness of use to the query; 0 before there is a bound."""
    error: NDArray[Any]
    """(m,): the largest possible error of a closeness in the block."""


class Limits(Protocol):
    """The closeness that matters for each of m queries."""

    bound: NDArray[Any]
    """(m,): a lower bound of the closeness of the nearest rows, of the type that the product is to
    have. It is -inf for all queries or for none."""

    def least(self, start: int, stop: int, error: NDArray[Any]) -> NDArray[Any]:
        """(m,): the least closeness of use to these training rows, which has this error."""


class ClosenessReference:
    """Training rows, ready for the product.

    The centre of the rows is subtracted from queries and training rows, since the rounding error of
    the product grows with the distance from the origin. It is subtracted block by block, so that
    the rows are in memory once.

    float64 rows are multiplied in float32, at twice the speed, as long as that adds few candidates.
    Rows in tight heaps that are far apart need more digits.

    Rows that were divided by their lengths have a rounding error before the product (`divided`).
    """

    rounding = 0.0  # of the files from before there was one

    def __init__(self, rows: NDArray[Any], divided: bool = False) -> None:
        self.rows = rows
        self.rounding = 2.0 * float(np.finfo(rows.dtype).eps) if divided else 0.0
        self.product_dtype = np.dtype(np.float32)
        self.unit, self.centre = _unit_and_centre(rows)
        self.n_centred = len(rows)
        self.half_squares = np.empty(0, dtype=rows.dtype)
        self.block_lengths = self.block_raw_lengths = np.empty(0)
        self._measure(0)

    def _measure(self, first: int) -> None:
        """Measure the rows and blocks from `first` on, where a block begins."""
        n = len(self.rows)
        half_squares = np.empty(n - first, dtype=self.rows.dtype)
        lengths, raw_lengths = [], []
        for part in slices(n - first, TRAINING_BLOCK):
            block = self.rows[first + part.start : first + part.stop]
            centred = self.centred(block)
            squares = np.einsum("ij,ij->i", centred, centred)
            half_squares[part] = 0.5 * squares
            lengths.append(np.sqrt(float(squares.max())))
            raw_lengths.append(_largest_length(block / self.unit))
        kept = first // TRAINING_BLOCK
        self.half_squares = np.concatenate([self.half_squares[:first], half_squares])
        self.block_lengths = np.concatenate([self.block_lengths[:kept], lengths])
        self.block_raw_lengths = np.concatenate([self.block_raw_lengths[:kept], raw_lengths])

    def extended(self, rows: NDArray[Any]) -> ClosenessReference:
        """The reference of `rows`, whose first rows are the rows of this reference.

        Unit and centre, which only bound the rounding error, stay until the rows are twice as many
        as the rows that they were made from.
        """
        n = len(self.rows)
        if len(rows) > 2 * self.n_centred:
            return ClosenessReference(rows, self.rounding > 0)
        if _unit_and_centre(rows[n : len(rows)])[0] != self.unit:
            return ClosenessReference(rows, self.rounding > 0)
        other = copy.copy(self)
        other.rows = rows
        other._measure(n // TRAINING_BLOCK * TRAINING_BLOCK)
        return other

    def centred(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows minus the centre, in a unit in which squares cannot overflow."""
        centred = rows - self.centre
        if self.unit != 1:
            centred /= rows.dtype.type(self.unit)
        return centred

    def closeness_to_itself(
        self, Q: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Closeness that `blocks` would give a training row equal to each query; half squares."""
        centred = self.centred(Q).astype(np.float64)
        half_squares = 0.5 * np.einsum("ij,ij->i", centred, centred)
        if not self.takes_raw_rows(len(Q)):
            return half_squares, half_squares
        return half_squares + centred @ (self.centre / self.unit), half_squares

    def largest_safe_length(self) -> float:
        """The distance from the centre up to which the product can search a query."""
        return safe_length(float(self.block_lengths.max()), self.product_dtype)

    def dtype_for(self, n_queries: int) -> np.dtype:
        """Type of the product: few queries are multiplied with the rows in their own type."""
        return self.rows.dtype if self.takes_raw_rows(n_queries) else self.product_dtype

    def takes_raw_rows(self, n_queries: int) -> bool:
        """Whether this few queries are multiplied with the given rows, which are not centred."""
        # Rows that are not in the unit can overflow in float32, but not in float64.
        return n_queries <= FEW_QUERIES and (self.unit == 1 or self.rows.dtype == np.float64)

    def rows_at(self, positions: NDArray[np.intp], n_queries: int) -> NDArray[np.intp]:  # noqa: ARG002
        """Training rows at these positions of the blocks for this number of queries."""
        return positions

    def is_one_block(self) -> bool:
        """Whether one query meets all training rows in one block."""
        return (
            self.takes_raw_rows(1) and len(self.rows) <= _BLOCK_CELLS and not is_stored(self.rows)
        )

    def use_full_precision(self) -> None:
        """Multiply float64 rows in float64 from now on."""
        self.product_dtype = self.rows.dtype

    def shared_blocks(self, n_readers: int) -> CentredBlocks | None:
        """Centred rows for `n_readers` threads; None if each thread makes its own as fast."""
        if self.rows.shape[1] < _WIDE and not is_stored(self.rows):
            return None  # the blocks of a thread stay in the cache of its processor
        return self._centred_blocks(n_readers)

    def _centred_blocks(self, n_readers: int) -> CentredBlocks:
        shape = min(_FIRST_BLOCK, len(self.rows)), self.rows.shape[1] + 2
        return CentredBlocks(self._fill_block, shape, n_readers)

    def blocks(
        self,
        Q: NDArray[Any],
        lengths: NDArray[np.float64],
        limits: Limits,
        shared: CentredBlocks | None,
        product: Product,
    ) -> Iterator[ClosenessBlock]:
        """Closeness of the rows of Q to all training rows, up to a constant for each query.

        `lengths` are those of Q by `lengths_from`. The limits are read again for each block, so the
        caller can raise them meanwhile.
        """
        centred = self.centred(Q)
        if self.takes_raw_rows(len(Q)):
            yield from self._blocks_of_raw_rows(centred, lengths, limits)
        else:
            blocks = shared or self._centred_blocks(1)
            yield from self._blocks_of_centred_rows(centred, lengths, limits, blocks, product)

    def _blocks_of_raw_rows(
        self, centred: NDArray[Any], lengths: NDArray[np.float64], limits: Limits
    ) -> Iterator[ClosenessBlock]:
        # For a query, q·x and q·(x - centre) differ by a constant, which changes no order.
        columns = _BLOCK_CELLS // len(centred) // TRAINING_BLOCK * TRAINING_BLOCK
        if is_stored(self.rows):
            blocks = _STORED_BYTES // (self.rows.itemsize * self.rows.shape[1] * TRAINING_BLOCK)
            columns = min(columns, max(1, blocks) * TRAINING_BLOCK)
        for block in slices(len(self.rows), columns):
            # All values are finite. Some kernels of a BLAS also compute with lanes that hold no
            # values, and may then report an invalid operation.
            with np.errstate(invalid="ignore"):
                # A single query as a vector: the BLAS reads the rows once, with all threads.
                excess = (
                    (self.rows[block] @ centred[0])[np.newaxis]
                    if len(centred) == 1
                    else centred @ self.rows[block].T
                )
            if self.unit != 1:
                excess /= self.unit
            excess -= self.half_squares[block]
            numbers = _block_numbers(block)
            raw, largest = self.block_raw_lengths[numbers].max(), self.block_lengths[numbers].max()
            size = lengths * raw + largest**2
            error = self._error(size, lengths, largest, self.rows.dtype)
            limit = _limit(limits, block.start, block.stop, error, size)
            if block.start > 0:
                excess -= limit[:, np.newaxis]
            yield ClosenessBlock(block.start, excess, limit, error)

    def _blocks_of_centred_rows(
        self,
        centred: NDArray[Any],
        lengths: NDArray[np.float64],
        limits: Limits,
        blocks: CentredBlocks,
        product: Product,
    ) -> Iterator[ClosenessBlock]:
        # Two more columns subtract the half squares and the limit within the product itself. Then
        # one pass looks for positive values.
        m, d = centred.shape
        dtype = limits.bound.dtype
        left = np.ones((m, d + 2), dtype=dtype)
        left[:, :d] = centred
        width = _COLUMNS if d < _WIDE and m > _MANY_QUERIES else TRAINING_BLOCK
        edges = [0, *range(_FIRST_BLOCK, len(self.rows), TRAINING_BLOCK), len(self.rows)]
        out = np.empty(m * max(width, edges[1]), dtype=dtype)
        for start, stop in itertools.pairwise(edges):
            largest = self._largest_length(start, stop)
            size = lengths * largest + largest**2
            error = self._error(size, lengths, largest, dtype)
            step = width if start > 0 else stop
            with blocks.block(start, stop, dtype) as right:
                for part in slices(len(right), step):
                    columns, at = right[part], start + part.start
                    limit = _limit(limits, at, at + len(columns), error, size)
                    np.negative(limit, out=left[:, d + 1])
                    excess = out[: m * len(columns)].reshape(m, -1)
                    product(left, columns, excess)
                    yield ClosenessBlock(at, excess, limit, error)

    def _fill_block(self, start: int, stop: int, right: NDArray[Any]) -> None:
        """Write the centred rows, minus their half squares, and 1 for the limit."""
        (block, half_squares), d = self._rows_between(start, stop), self.rows.shape[1]
        if not self.centre.any() and self.unit == 1:
            right[:, :d] = block
        elif self.unit == 1:
            np.subtract(block, self.centre, out=right[:, :d], casting="same_kind")
        else:
            right[:, :d] = self.centred(block)
        np.negative(half_squares, out=right[:, d], casting="same_kind")
        right[:, d + 1] = 1

    def _rows_between(self, start: int, stop: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows of a block, and half the squares of their lengths once they are centred."""
        return self.rows[start:stop], self.half_squares[start:stop]

    def _largest_length(self, start: int, stop: int) -> float:
        return float(self.block_lengths[_block_numbers(slice(start, stop))].max())

    def _error(
        self,
        size: NDArray[np.float64],
        lengths: NDArray[np.float64],
        largest: float,
        dtype: np.dtype,
    ) -> NDArray[Any]:
        """Bound of the rounding error, where the closeness has at most this size."""
        before = self.rounding * (lengths + 2.0 * largest)
        return (rounding_error(self.rows.shape[1], dtype) * size + before).astype(dtype)


def _limit(
    limits: Limits, start: int, stop: int, error: NDArray[Any], size: NDArray[np.float64]
) -> NDArray[Any]:
    """The limit of a block, not so far below its closeness that the difference loses digits."""
    if limits.bound[0] == -np.inf:
        return np.zeros_like(limits.bound)
    return np.maximum(limits.least(start, stop, error), -size.astype(limits.bound.dtype))


def _block_numbers(rows: slice) -> slice:
    """Which blocks of training rows these rows are in."""
    return slice(rows.start // TRAINING_BLOCK, -(-rows.stop // TRAINING_BLOCK))


def rounding_error(d: int, dtype: np.dtype) -> float:
    """Largest relative error of a product of d terms and of the steps before and after it.

    The bound holds for any order of the sum, so for any BLAS.
    """
    return 1.5 * (d + 8) * float(np.finfo(dtype).eps)


def lengths_from(centre: NDArray[Any], unit: float, rows: NDArray[Any]) -> NDArray[np.float64]:
    """Distance of each row from the centre, in a unit; inf if its square overflows float64."""
    with np.errstate(over="ignore"):
        offset = np.subtract(rows, centre, dtype=np.float64)
        if unit != 1:
            offset /= unit
        return np.sqrt(np.einsum("ij,ij->i", offset, offset))


def safe_length(largest: float, dtype: np.dtype) -> float:
    """Largest distance of a query from the centre, with all training rows at most `largest` away.

    Further away, the product could overflow. Or distances in float64 could tie where the closeness
    differs: rounding would decide which of the ties become candidates.
    """
    overflow = float(np.finfo(dtype).max) * 1e-3 / max(1.0, largest)
    return min(overflow, 1e-4 / np.finfo(np.float64).eps * largest) if largest > 0 else overflow


def _unit_and_centre(rows: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """A power of two that makes squares in float32 safe (mostly 1), and the mean row.

    A mean near the origin, as of scaled features, counts as 0: copying rows is faster than a
    subtraction, and the rounding error grows by at most about a tenth.
    """
    largest, total, squares = _largest_and_sums(rows, 1.0)
    largest = max(largest, float(np.finfo(rows.dtype).tiny))
    unit = safe_unit(largest, int(np.finfo(np.float32).maxexp) // 8)
    if unit == 1:
        mean = total / len(rows)
        if mean @ mean <= _NEAR**2 * squares / len(rows):
            mean[:] = 0.0
        return 1.0, mean.astype(rows.dtype)
    total = _largest_and_sums(rows, unit)[1]
    return unit, (total / len(rows) * unit).astype(rows.dtype)


def _largest_and_sums(rows: NDArray[Any], unit: float) -> tuple[float, NDArray[np.float64], float]:
    """The largest absolute value, the sum of the rows, and the sum of all squares, in a unit."""
    largest, total, squares = 0.0, np.zeros(rows.shape[1]), 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # then the caller sums again, in a unit
        for part in slices(len(rows), TRAINING_BLOCK):
            block = rows[part]
            largest = max(largest, float(block.max()), -float(block.min()))
            block = block if unit == 1 else block / unit
            total += block.sum(axis=0, dtype=np.float64)
            squares += float(np.einsum("ij,ij->", block, block))
    return largest, total, squares


def _largest_length(rows: NDArray[Any]) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max()))
