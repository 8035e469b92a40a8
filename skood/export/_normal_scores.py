"""`NormalScoreTransformer` in ONNX, which has no quantile function of the normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error
from ..preprocessing import NormalScoreTransformer
from ._graph import Value, where

# Wichura (1988), Algorithm AS241, PPND16: numerators and denominators from the constant term on.
_CENTRAL = np.array(
    [
        [3.3871328727963666080e0, 1.0],
        [1.3314166789178437745e2, 4.2313330701600911252e1],
        [1.9715909503065514427e3, 6.8718700749205790830e2],
        [1.3731693765509461125e4, 5.3941960214247511077e3],
        [4.5921953931549871457e4, 2.1213794301586595867e4],
        [6.7265770927008700853e4, 3.9307895800092710610e4],
        [3.3430575583588128105e4, 2.8729085735721942674e4],
        [2.5090809287301226727e3, 5.2264952788528545610e3],
    ]
)
_TAIL = np.array(
    [
        [1.42343711074968357734e0, 1.0],
        [4.63033784615654529590e0, 2.05319162663775882187e0],
        [5.76949722146069140550e0, 1.67638483018380384940e0],
        [3.64784832476320460504e0, 6.89767334985100004550e-1],
        [1.27045825242368380000e0, 1.48103976427480074590e-1],
        [2.41780725177450611770e-1, 1.51986665636164571966e-2],
        [2.27238449892691845833e-2, 5.47593808499534494600e-4],
        [7.74545014278341407640e-4, 1.05075007164441684324e-9],
    ]
)
_ROUNDING = 64 * float(np.finfo(np.float64).eps)
_SMALLEST = 1.4e-11  # nearer to 0 or 1 the algorithm has other coefficients


def normal_scores(step: NormalScoreTransformer, x: Value) -> Value:
    """The rows, with normal scores in place of the values of columns with heavy tails."""
    lowest = step._lowest()
    if lowest < _SMALLEST:
        allowed = f"None or a float in [{_SMALLEST}, 0.5) for to_onnx"
        raise parameter_error(step, "outermost", allowed, step.outermost)
    places = np.flatnonzero(step.is_replaced_)
    if not len(places):
        return x
    graph = x.graph
    values = x.taken(graph.constant(places), axis=1).cast(np.float64)

    def write(row: Value) -> list[Value]:
        return [_ranks(row, step._quantiles, step.outermost is not None)]

    (ranks,) = graph.over_rows(write, values, shapes=[(len(places),)])
    scores = _quantile_function(ranks.most(lowest).least(1.0 - lowest)).cast(x.dtype)
    order = np.arange(len(step.is_replaced_))
    order[places] = len(order) + np.arange(len(places))
    return graph.op("Concat", x, scores, axis=1).taken(graph.constant(order), axis=1)


def _ranks(row: Value, quantiles: NDArray[np.float64], outermost: bool) -> Value:
    """Ranks in [0, 1] of one row of values among the quantiles of each column."""
    graph, (n_columns, n) = row.graph, quantiles.shape
    known, column = graph.constant(quantiles), row.with_axis(1)
    # a value that an earlier step has rounded otherwise still ties with the equal quantiles
    rounding = _ROUNDING * np.abs(quantiles).max(axis=1, keepdims=True)
    below = (known < column - rounding).cast(np.int64).sum()
    reached = (known <= column + rounding).cast(np.int64).sum()
    shares = graph.constant(np.linspace(0.0, 1.0, n))
    flat, first = graph.constant(quantiles.ravel()), np.arange(n_columns) * n
    left = (reached - 1).most(0).least(n - 2)
    low, low_share = flat.taken(left + first), shares.taken(left)
    step = flat.taken(left + (first + 1)) - low
    slope = (shares.taken(left + 1) - low_share) / where(step > 0.0, step, 1.0)
    between = slope * (row - low) + low_share
    tied = (shares.taken(below.least(n - 1)) + shares.taken((reached - 1).most(0))) * 0.5
    ranks = where(below < reached, tied, between)
    at_start, at_end = (below.equals(0), reached.equals(n))
    if not outermost:
        at_start, at_end = at_start & reached.equals(0), at_end & below.equals(n)
    return where(at_start, 0.0, where(at_end, 1.0, ranks))


def _quantile_function(p: Value) -> Value:
    """The value that a standard normal variable is below with the probability p."""
    centred = p - 0.5
    in_centre = _ratio(centred * centred * -1.0 + 0.180625, _CENTRAL) * centred
    tail = _ratio((-p.least(1.0 - p).log()).sqrt() - 1.6, _TAIL)
    tail = where(centred < 0.0, -tail, tail)
    return where(centred.abs() <= 0.425, in_centre, tail)


def _ratio(r: Value, coefficients: NDArray[np.float64]) -> Value:
    """The ratio of two polynomials of degree 7, for a matrix."""
    powers = r.graph.op("Pow", r.with_axis(2), np.arange(8, dtype=np.float64))
    both = powers @ coefficients
    return (both.columns(0, 1, 2) / both.columns(1, 2, 2)).without_axis(2)
