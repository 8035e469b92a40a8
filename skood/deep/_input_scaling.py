"""Scaling of inputs for the training of a network, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices

_BYTES = 1 << 24  # of float64 temporaries at a time
# Larger values are clipped: float32 ends at 3e38, and the layers multiply and add.
LARGEST_SCALED = 1e30


class InputScaling(NamedTuple):
    """The affine map to (x - mean) / scale, with one number for each column or for all."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def scaled(self, X: NDArray) -> NDArray[np.float32]:
        """Scale rows, and clip values at 1e30, so that no layer overflows."""
        out = np.empty(X.shape, dtype=np.float32)
        for part, block in _blocks(X):
            # In float64: in float32, values near 1e8 lose their variation with the mean.
            with np.errstate(over="ignore"):
                block -= self.mean
                block /= self.scale
            np.clip(block, -LARGEST_SCALED, LARGEST_SCALED, out=block)
            out[part] = block
        return out

    def unscaled(self, Z: NDArray) -> NDArray[np.float64]:
        """Convert scaled rows to the unit of the inputs."""
        with np.errstate(over="ignore"):
            return Z.astype(np.float64) * self.scale + self.mean


def fit_scaling(X: NDArray, *, per_feature: bool) -> InputScaling:
    """Mean and standard deviation of the columns, or of all values together.

    A column that varies only by rounding has scale 1.
    """
    largest = np.maximum(np.abs(X.max(axis=0)), np.abs(X.min(axis=0))).astype(np.float64)
    if not per_feature:
        largest = largest.max(keepdims=True)
    # In units of the largest value neither sums nor squares overflow or vanish.
    unit = np.where(largest > 0, largest, 1.0)
    n_values = len(X) * X.shape[1] / len(unit)
    mean = sum(_sums(block / unit, per_feature) for _, block in _blocks(X)) / n_values
    squares = (_sums((block / unit - mean) ** 2, per_feature) for _, block in _blocks(X))
    deviation = np.sqrt(sum(squares) / n_values)
    varies = (X[0] != X).any(axis=0) if per_feature else np.array([(X[0, 0] != X).any()])
    # Differences in the last digits are rounding. Division by them would magnify it.
    varies &= deviation > 10 * np.finfo(X.dtype).eps
    scale = deviation * unit
    return InputScaling(mean * unit, np.where(varies & (scale > 0), scale, 1.0))


def _blocks(X: NDArray) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """The positions of blocks of rows, and copies of the blocks."""
    for part in slices(len(X), _BYTES, each=8 * X.shape[1]):
        yield part, X[part].astype(np.float64)


def _sums(block: NDArray[np.float64], per_feature: bool) -> NDArray[np.float64]:
    return block.sum(axis=0) if per_feature else block.sum(keepdims=True)[0]
