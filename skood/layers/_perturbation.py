"""Inputs moved along the gradient of their distance from the singularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raw_inputs import RawInputs

GRADIENTS = ("sign", "standardised")
DIRECTIONS = ("ascend", "descend")


@dataclass(frozen=True)
class Perturbation:
    """A step of each input: `step` times the sign of its gradient, or the gradient standardised."""

    step: float  # above 0 away from the singularity, below 0 towards it
    gradient: str

    def moved(
        self,
        extractor: Any,
        inputs: RawInputs,
        columns: slice | NDArray[np.intp],
        singularity: NDArray[np.float64],
    ) -> RawInputs:
        """Move inputs for one layer, which has these columns of the features."""

        def objective(features: Any) -> Any:
            part = features[:, columns]
            difference = part - _like(singularity, part)
            # Half the square has a gradient at 0 too. Elsewhere that is the distance's own times a
            # positive number, which changes neither its sign nor the standardised gradient.
            return (difference * difference).sum(1) / 2

        slope = np.asarray(extractor.gradient(inputs.given(), objective))
        slope = slope.reshape(inputs.values.shape)
        move = np.sign(slope) if self.gradient == "sign" else _standardised(slope)
        return inputs.replaced(inputs.values + self.step * move)


def _standardised(slope: NDArray) -> NDArray:
    """Each sample's gradient less its mean, divided by its deviation; 0 where all are equal."""
    rows = slope.reshape(len(slope), -1)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1)  # squares of tiny slopes would vanish
    rows -= rows.mean(axis=1, keepdims=True)
    deviation = rows.std(axis=1, keepdims=True)
    rounding = 8 * np.finfo(rows.dtype).eps
    rows = np.where(deviation > rounding, rows / np.where(deviation > 0, deviation, 1), 0)
    return rows.astype(slope.dtype, copy=False).reshape(slope.shape)


def _like(values: NDArray[np.float64], features: Any) -> Any:
    """The values as a tensor where the extractor gives tensors, on the same device."""
    if hasattr(features, "new_tensor"):
        return features.new_tensor(values)
    return values
