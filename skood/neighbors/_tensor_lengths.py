"""Lengths of rows of tensors, as in `skood.measures.lengths`, on the device of the rows."""

from __future__ import annotations

from typing import Any


def tensor_lengths(vectors: Any) -> Any:
    """Length of each row of a float64 tensor; inf where the square overflows."""
    return vectors.square().sum(dim=1).sqrt()


def scaled_tensor_lengths(vectors: Any) -> Any:
    """Length of each row, divided by its largest value before it is squared."""
    largest = vectors.abs().amax(dim=1)
    unit = largest.where(largest > 0, 1.0)
    return unit * tensor_lengths(vectors / unit[:, None])
