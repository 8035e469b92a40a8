"""One score from the standardised scores of several detectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..layers.weights import weighed_sum

Values = NDArray[np.float64]


def combined(how: str, values: Values, weights: Values, ranks: Values) -> Values:
    """The score of each row, higher = more in-distribution, from values (n_samples, n_members).

    `ranks` are the p-values of the members' scores, of the same shape.
    """
    if how == "p_value":
        return np.log(_p_value(ranks, weights))
    return _WAYS[how](values, weights)


def evidence(how: str, values: Values, weights: Values, ranks: Values) -> Values:
    """What each member says against each row, (n_samples, n_members); the sum is minus the score.

    Of "max" the member that decides says it all. Of "softmax" and "p_value" each has its part of
    the sum that is taken the logarithm of.
    """
    score = combined(how, values, weights, ranks)
    if how == "sum":
        return -values * weights
    if how == "max":
        parts = np.zeros_like(values)
        decides = np.argmin(values * weights, axis=1)
        parts[np.arange(len(values)), decides] = 1.0
    elif how == "softmax":
        parts = np.exp(np.log(weights) - values + score[:, np.newaxis])
    else:
        parts = weights / ranks
        parts /= parts.sum(axis=1, keepdims=True)
    return -score[:, np.newaxis] * parts


def _largest(values: Values, weights: Values) -> Values:
    """The score of the member that finds the row furthest out."""
    return np.min(values * weights, axis=1)


def _sum(values: Values, weights: Values) -> Values:
    return weighed_sum(values, weights, 0.0)


def _softmax(values: Values, weights: Values) -> Values:
    """Minus the logarithm of the weighed sum of exp(-value), column by column."""
    total = np.full(len(values), -np.inf)
    for weight, column in zip(weights, values.T, strict=True):
        total = np.logaddexp(total, np.log(weight) - column)
    return -total


def _p_value(ranks: Values, weights: Values) -> Values:
    """The Cauchy combination of p-values, which need not be independent."""
    total = weighed_sum(1.0 / np.tan(np.pi * ranks), weights / weights.sum(), 0.0)
    return np.clip(0.5 - np.arctan(total) / np.pi, np.finfo(np.float64).tiny, 1.0)


_WAYS: dict[str, Callable[[Values, Values], Values]] = {
    "max": _largest,
    "sum": _sum,
    "softmax": _softmax,
}
COMBINE = (*_WAYS, "p_value")
