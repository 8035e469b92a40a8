"""Closeness of queries to training rows: a matrix product with a bound of its rounding error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TRAINING_BLOCK = 2048
FEW_QUERIES = 32  # up to here, centring the training rows would cost as much as the product
_BLOCK_CELLS = 1 << 21  # products in memory at a time, for each thread


class ClosenessBlock(NamedTuple):
    """Closeness of m queries to the training rows from `start` on."""

    start: int
    closeness: NDArray
    """(m, b), in the dtype of the rows. Overwritten by the next block."""
    error: NDArray
    """(m,): no closeness of the block is off by more."""


class ClosenessReference:
    """Training rows, ready for the product.

    The centre of the rows is taken off both sides, since the rounding error of the product grows
    with the rows' distance from the origin. That is done block by block, so that the rows are in
    memory once.
    """

    def __init__(self, rows: NDArray) -> None:
        self.rows = rows
        eps = float(np.finfo(rows.dtype).eps)
        # The bound of a sum of d products in any order, and a few roundings before and after it.
        self.relative_error = 1.5 * (rows.shape[1] + 8) * eps
        self.unit, self.centre = _unit_and_centre(rows)
        self.half_squares = np.empty(len(rows), dtype=rows.dtype)
        lengths, raw_lengths = [], []
        for start in range(0, len(rows), TRAINING_BLOCK):
            block = rows[start : start + TRAINING_BLOCK]
            centred = self.centred(block)
            squares = np.einsum("ij,ij->i", centred, centred)
            self.half_squares[start : start + TRAINING_BLOCK] = 0.5 * squares
            lengths.append(np.sqrt(float(squares.max())))
            raw_lengths.append(_largest_length(block) if self.unit == 1 else np.inf)
        self.block_lengths = np.array(lengths)
        self.block_raw_lengths = np.array(raw_lengths)

    def centred(self, rows: NDArray) -> NDArray:
        """Rows with the centre taken off, in units that can't overflow."""
        centred = rows - self.centre
        if self.unit != 1:
            centred /= rows.dtype.type(self.unit)
        return centred

    def query_lengths(self, Q: NDArray) -> NDArray[np.float64]:
        """Distance of each query from the centre; inf where float64 can't hold its square."""
        with np.errstate(over="ignore"):
            offset = np.subtract(Q, self.centre, dtype=np.float64) / self.unit
            return np.sqrt(np.einsum("ij,ij->i", offset, offset))

    def largest_safe_length(self) -> float:
        """Queries further from the centre than this are not for the product.

        It could overflow, or their distances in float64 tie where the closeness still differs, so
        that which of the ties become candidates would hang on rounding.
        """
        largest = float(self.block_lengths.max())
        overflow = float(np.finfo(self.rows.dtype).max) * 1e-3 / max(1.0, largest)
        return min(overflow, 1e-4 / np.finfo(np.float64).eps * largest) if largest > 0 else overflow

    def blocks(self, Q: NDArray) -> Iterator[ClosenessBlock]:
        """Closeness of the rows of Q to all training rows, up to a constant for each query."""
        lengths = self.query_lengths(Q)
        centred = self.centred(Q)
        if len(Q) <= FEW_QUERIES and self.unit == 1:
            yield from self._blocks_of_raw_rows(centred, lengths)
        else:
            yield from self._blocks_of_centred_rows(centred, lengths)

    def _blocks_of_raw_rows(
        self, centred: NDArray, lengths: NDArray[np.float64]
    ) -> Iterator[ClosenessBlock]:
        # q·x differs from q·(x - centre) by a constant for each query, which changes no order.
        columns = _BLOCK_CELLS // len(centred) // TRAINING_BLOCK * TRAINING_BLOCK
        for start in range(0, len(self.rows), columns):
            block = slice(start, start + columns)
            closeness = centred @ self.rows[block].T
            closeness -= self.half_squares[block]
            i, j = start // TRAINING_BLOCK, -(-(start + columns) // TRAINING_BLOCK)
            raw, own = self.block_raw_lengths[i:j].max(), self.block_lengths[i:j].max()
            error = self.relative_error * (lengths * raw + own**2)
            yield ClosenessBlock(start, closeness, error.astype(closeness.dtype))

    def _blocks_of_centred_rows(
        self, centred: NDArray, lengths: NDArray[np.float64]
    ) -> Iterator[ClosenessBlock]:
        # One more column takes the half squares off within the product itself.
        d = centred.shape[1]
        left = np.ones((len(centred), d + 1), dtype=centred.dtype)
        left[:, :d] = centred
        right = np.empty((TRAINING_BLOCK, d + 1), dtype=centred.dtype)
        out = np.empty(len(centred) * TRAINING_BLOCK, dtype=centred.dtype)
        for number, start in enumerate(range(0, len(self.rows), TRAINING_BLOCK)):
            block = self.rows[start : start + TRAINING_BLOCK]
            b = len(block)
            np.subtract(block, self.centre, out=right[:b, :d])
            if self.unit != 1:
                right[:b, :d] /= centred.dtype.type(self.unit)
            np.negative(self.half_squares[start : start + b], out=right[:b, d])
            closeness = out[: len(centred) * b].reshape(len(centred), b)
            np.matmul(left, right[:b].T, out=closeness)
            own = self.block_lengths[number]
            error = self.relative_error * (lengths * own + own**2)
            yield ClosenessBlock(start, closeness, error.astype(closeness.dtype))


def _unit_and_centre(rows: NDArray) -> tuple[float, NDArray]:
    """A power of two that makes squares safe (1 for all ordinary data), and the mean row."""
    info = np.finfo(rows.dtype)
    largest = max(float(rows.max()), -float(rows.min()), float(info.tiny))
    exponent = int(np.frexp(largest)[1])
    unit = 1.0 if abs(exponent) < info.maxexp // 8 else float(np.ldexp(1.0, exponent))
    total = np.zeros(rows.shape[1])
    for start in range(0, len(rows), TRAINING_BLOCK):
        block = rows[start : start + TRAINING_BLOCK]
        total += (block if unit == 1 else block / unit).sum(axis=0, dtype=np.float64)
    return unit, (total / len(rows) * unit).astype(rows.dtype)


def _largest_length(rows: NDArray) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max()))
