"""One score from the standardised scores of several detectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..layers.weights import weighed_sum

Values = NDArray[np.float64]


def combined(how: str, values: Values, weights: Values) -> Values:
    """The score of each row, higher = more in-distribution, from values (n_samples, n_members).

    The values are the members' p-values for "p_value", else their standardised scores.
    """
    return _WAYS[how](values, weights)


def evidence(how: str, values: Values, weights: Values, scores: Values) -> Values:
    """The evidence of members against rows, (n_samples, n_members); its sum is minus the score.

    With "max" the deciding member has all evidence. With "softmax" and "p_value" each member has
    its part of the sum under the logarithm.
    """
    if how == "sum":
        return -values * weights
    if how == "max":
        parts = np.zeros_like(values)
        decides = np.argmin(values * weights, axis=1)
        parts[np.arange(len(values)), decides] = 1.0
    elif how == "softmax":
        parts = np.exp(np.log(weights) - values + scores[:, np.newaxis])
    else:
        parts = weights / values
        parts /= parts.sum(axis=1, keepdims=True)
    return -scores[:, np.newaxis] * parts


def _largest(values: Values, weights: Values) -> Values:
    """The score of the member with the most evidence against the row."""
    return np.min(values * weights, axis=1)


def _sum(values: Values, weights: Values) -> Values:
    return weighed_sum(values, weights, 0.0)


def _softmax(values: Values, weights: Values) -> Values:
    """Minus the logarithm of the weighed sum of exp(-value), column by column."""
    total = np.full(len(values), -np.inf)
    for weight, column in zip(weights, values.T, strict=True):
        total = np.logaddexp(total, np.log(weight) - column)
    return -total


def _p_value(values: Values, weights: Values) -> Values:
    """The logarithm of the Cauchy combination of p-values, which need not be independent."""
    total = weighed_sum(1.0 / np.tan(np.pi * values), weights / weights.sum(), 0.0)
    return np.log(np.clip(0.5 - np.arctan(total) / np.pi, np.finfo(np.float64).tiny, 1.0))


_WAYS: dict[str, Callable[[Values, Values], Values]] = {
    "max": _largest,
    "sum": _sum,
    "softmax": _softmax,
    "p_value": _p_value,
}
COMBINE = tuple(_WAYS)
