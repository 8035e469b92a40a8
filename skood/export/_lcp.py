"""LCP of rows by their neighbours, with the search for the perplexity as a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..measures.perplexity import LOG_BRACKET, START
from ._graph import Value, where

# As in `skood.measures.perplexity_weights`, whose steps these are.
_TOLERANCE, _MOST_STEPS = 1e-10, 100
_FURTHEST = 1e90  # its cube is finite, and its weight zero


def local_conditional_probability(
    detector: Any, differences: Value, squares: Value, indices: Value, unit: float
) -> Value:
    """Scores of rows (m,).

    `differences` are those of the neighbours from the row, (m, k, d), and `squares` their squared
    lengths, (m, k), both in `unit`.
    """
    weights = _weights(squares, detector.n_neighbors_, float(detector.perplexity))
    offset = weights.with_axis(1) @ differences  # (m, 1, d)
    total = offset.squares()
    if detector.variance_weight > 0:
        spread = (weights * (differences - offset).squares()).sum(keep=True)
        total = total + spread * float(detector.variance_weight)
    lcp = total.without_axis(1).sqrt() * unit
    if detector.locality == 0:
        return -lcp
    graph, epsilon = lcp.graph, float(detector.epsilon_)
    around = graph.constant(detector.training_lcp_).taken(indices).sum() / float(
        detector.n_neighbors_
    )
    return (around + epsilon).log() * float(detector.locality) - (lcp + epsilon).log()


def _weights(squares: Value, k: int, perplexity: float) -> Value:
    """Weights of the neighbours, (m, k), with a sum of 1."""
    if k <= perplexity:
        return squares * 0.0 + 1.0 / k
    nearest = squares.columns(0, 1)
    rank = int(np.floor(perplexity))
    step = squares.columns(rank, rank + 1) - nearest
    ties = step <= 0.0
    gaps = squares - nearest
    scaled = (gaps / where(ties, 1.0, step)).least(_FURTHEST)
    log_beta = _log_precision(scaled, ties, float(np.log(perplexity)))
    weights = where(ties, gaps.equals(0.0).cast(np.float64), (-scaled * log_beta.exp()).exp())
    return weights / weights.sum(keep=True)


def _log_precision(gaps: Value, is_found: Value, target: float) -> Value:
    """The logarithm of the precision (m, 1) at which the entropy is `target`, in nats."""
    powers = [gaps * 0.0 + 1.0, gaps, gaps * gaps, gaps * gaps * gaps]
    moments = gaps.graph.op("Concat", *(one.with_axis(2) for one in powers), axis=2)
    zeros = gaps.columns(0, 1) * 0.0

    def write(done: Value, u: Value, low: Value, high: Value, last: Value) -> list[Value]:
        beta = u.exp()
        weights = (-gaps * beta).exp()
        sums = (weights.with_axis(1) @ moments).without_axis(1)
        total = sums.columns(0, 1)
        first, second, third = (sums.columns(i, i + 1) / total for i in (1, 2, 3))
        first, second, third = first * beta, second * beta * beta, third * beta * beta * beta
        excess = total.log() + first - target
        variance = second - first * first
        skew = third - first * (second * 3.0 - first * first * 2.0)
        done = done | (excess.abs() <= _TOLERANCE)
        low, high = where(excess > 0.0, u, low), where(excess > 0.0, high, u)
        # Halley's step: the first derivative is minus the variance
        newton = -excess / variance
        curved = (newton * 0.5) * (skew - variance * 2.0) / variance
        halley = u - newton / (curved + 1.0)
        trusted = (halley > low) & (halley < high) & ((halley - u).abs() <= last * 0.5)
        following = where(trusted, halley, (low + high) * 0.5)
        last = (following - u).abs()
        return [(~done).any(), done, where(done, u, following), low, high, last]

    start = [zeros + at for at in (START, *LOG_BRACKET, LOG_BRACKET[1] - LOG_BRACKET[0])]
    going = (~is_found).any()
    return gaps.graph.until(write, going, [is_found, *start], _MOST_STEPS)[1]
