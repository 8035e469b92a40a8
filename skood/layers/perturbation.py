"""Inputs moved a step along the gradient of an objective of their features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_float, parameter_error
from .inputs import RawInputs


def check_perturbation(owner: Any) -> None:
    """Raise unless the owner's `perturbation` is a step, and its extractor has gradients for it."""
    check_float(owner, "perturbation", owner.perturbation, "[0, inf)")
    if owner.perturbation and not hasattr(owner.feature_extractor, "gradient"):
        allowed = (
            "0 unless 'feature_extractor' has a method gradient(X, objective), as "
            "skood.deep.TorchFeatureTransformer has"
        )
        raise parameter_error(owner, "perturbation", allowed, owner.perturbation)


@dataclass(frozen=True)
class Perturbation:
    """A step of each input: `step` times the sign of its gradient, or the gradient standardised."""

    step: float  # below 0 it lowers the objective
    gradient: str

    def moved(
        self, extractor: Any, inputs: RawInputs, objective: Callable[[Any], Any]
    ) -> RawInputs:
        """Move each input along the gradient of the objective of its features."""
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
