"""Scores of all layers in one unit: standardised logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import last_step

LARGEST = 1e300  # so that the sum over layers stays finite
_EPS = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class LayerScale:
    """Turns the scores of one layer's detector into values of mean 0 and variance 1 in training.

    A score s that is minus a distance becomes -log(epsilon - s): a distance has the unit of its
    layer, and is skewed. Other scores are logarithms already, or of an unknown kind.
    """

    mean: float
    scale: float
    epsilon: float | None  # None: scores are standardised as they are

    @classmethod
    def fit(cls, scores: NDArray[np.float64], *, is_distance: bool) -> Self:
        """Learn from the scores of training rows."""
        epsilon = None
        if is_distance:
            nonzero = -scores[scores < 0]
            # If all are zero, no unit is known: the smallest number keeps the order.
            epsilon = max(1e-3 * float(np.median(nonzero)), _TINY) if nonzero.size else _TINY
        values = _logarithm(scores, epsilon)
        mean, scale = float(values.mean()), float(values.std())
        # The spread of equal values is rounding, and no scale.
        if scale <= 8 * _EPS * float(np.abs(values).max()):
            scale = 1.0
        return cls(mean, scale, epsilon)

    def standardise(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Higher = more in-distribution, as the scores."""
        with np.errstate(over="ignore"):
            values = (_logarithm(scores, self.epsilon) - self.mean) / self.scale
        return np.clip(values, -LARGEST, LARGEST)


def score_is_distance(detector: Any) -> bool:
    """Whether the score of a detector is minus a distance; False for other packages."""
    return bool(getattr(last_step(detector, frozen=False), "_score_is_distance", False))


def _logarithm(scores: NDArray[np.float64], epsilon: float | None) -> NDArray[np.float64]:
    return scores if epsilon is None else -np.log(epsilon - scores)
