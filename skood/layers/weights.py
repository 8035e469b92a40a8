"""One score from the values of the layers: each layer's value times a weight, added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

_MAX_ITERATIONS = 1000
_FURTHEST = 1e6  # standard deviations; the solver does not converge on much larger values
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class WeighedSum:
    """The distances in the layers times one weight for each layer, and a number."""

    coef: NDArray[np.float64]
    intercept: float

    @classmethod
    def of_standardised(
        cls, distances: NDArray[np.float64], outside: NDArray[np.float64] | None
    ) -> Self:
        """Weights of distances for equal weights of standardised ones.

        With the distances of out-of-distribution inputs, a logistic regression sets the weights.
        """
        mean, scale = _mean_and_scale(distances)
        weights, intercept = np.ones_like(mean), 0.0
        if outside is not None:
            strange = (outside - mean) / scale
            weights, intercept = logistic_weights((distances - mean) / scale, strange)
        return cls(weights / scale, intercept - float((mean / scale * weights).sum()))

    def scores(self, distances: NDArray[np.float64], inputs: Any = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Higher = more in-distribution."""
        return weighed_sum(distances, self.coef, self.intercept)


def weighed_sum(
    values: NDArray[np.float64], weights: NDArray[np.float64], intercept: float
) -> NDArray[np.float64]:
    """Each column times its weight, and a number: ``values @ weights + intercept``.

    A matrix product rounds a row otherwise in another batch; this adds up column by column.
    """
    total = np.full(len(values), intercept)
    for weight, column in zip(weights, values.T, strict=True):
        total += weight * column
    return total


def logistic_weights(
    inside: NDArray[np.float64], outside: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Coefficients of the layers and intercept, positive towards in-distribution.

    Both arrays hold standardised values, one column for each layer.
    """
    model = LogisticRegression(class_weight="balanced", max_iter=_MAX_ITERATIONS)
    labels = np.repeat([1, -1], [len(inside), len(outside)])
    values = np.clip(np.vstack([inside, outside]), -_FURTHEST, _FURTHEST)
    model.fit(values, labels)
    return model.coef_[0], float(model.intercept_[0])


def _mean_and_scale(
    distances: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and scale of each layer's distances in training, (n_layers,) each."""
    mean, scale = distances.mean(axis=0), distances.std(axis=0)
    # The spread of equal values is rounding, and no scale.
    constant = scale <= 8 * _EPS * np.abs(distances).max(axis=0)
    return mean, np.where(constant, 1.0, scale)


def divided_evidence(
    evidence: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What a layer says against rows, divided among its features by their shares in its score.

    Negative shares count as 0. A negative number is divided equally: no feature stands out.
    """
    largest = shares.max(axis=1, keepdims=True)
    fractions = np.maximum(shares / np.where(largest > 0, largest, 1.0), 0.0)
    equal = (largest[:, 0] <= 0) | (evidence <= 0)
    fractions[equal] = 1.0
    fractions /= fractions.sum(axis=1, keepdims=True)
    return evidence[:, np.newaxis] * fractions
