"""Gaussian neighbour weights of a given perplexity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._one_row_perplexity import FURTHEST, weights_of_one_row
from ._one_row_perplexity import LOG_BRACKET as LOG_BRACKET
from ._one_row_perplexity import START as START


class PerplexityWeights(NamedTuple):
    """The result of `perplexity_weights` for each row."""

    weights: NDArray[np.float64]
    """(m, k): the weight of each neighbour; every row sums to 1."""
    sigma: NDArray[np.float64]
    """(m,): the width of the Gaussian, in the unit of the distances. 0 where ties at the nearest
    distance share all the weight, inf where all neighbours weigh the same."""
    converged: NDArray[np.bool_]
    """(m,): False where the search ended before it reached the perplexity."""


def perplexity_weights(
    distances: ArrayLike, perplexity: float, *, tol: float = 1e-10, max_iter: int = 100
) -> PerplexityWeights:
    r"""Find weights over neighbours whose perplexity is `perplexity`, for each row.

    The weights are :math:`w_i \propto \exp(-d_i^2 / 2\sigma^2)` with :math:`\sum_i w_i = 1`, and
    :math:`\sigma` is such that :math:`2^{H(w)}` equals `perplexity`, where :math:`H` is the entropy
    in bits.

    Parameters
    ----------
    distances : array-like of shape (m, k)
        Distances (not squared) of m rows to their k neighbours, in any order and any unit.
        A neighbour at ``inf`` gets no weight.
    perplexity : float
        The effective number of neighbours, at least 1.
    tol : float, default=1e-10
        Largest difference in the natural logarithm of the perplexity that counts as reached.
    max_iter : int, default=100
        Largest number of steps of the search.

    Returns
    -------
    PerplexityWeights
        A named tuple ``(weights, sigma, converged)`` of shapes (m, k), (m,) and (m,).

    Raises
    ------
    ValueError
        If `distances` is not a two-dimensional array, has a NaN, a negative value or a row without
        a finite distance, or if `perplexity` is below 1.

    Notes
    -----
    Two kinds of row have no root; they get the limit. If at least `perplexity` neighbours tie at
    the smallest distance, these share all the weight equally. If at most `perplexity` neighbours
    are at finite distances, these have equal weights. Both kinds count as converged.

    The root is bracketed in the logarithm of the precision. The search takes a step of Halley's
    method if that stays inside the bracket and is at most half as long as the step before, else a
    bisection step. So it neither leaves the bracket nor circles.

    References
    ----------
    Hinton and Roweis (2002), Stochastic neighbor embedding, section 2. van der Maaten and Hinton
    (2008), Visualizing data using t-SNE, equation 1 and section 2.

    Examples
    --------
    >>> from skood.measures import perplexity_weights
    >>> weights, sigma, converged = perplexity_weights([[1.0, 1.0, 2.0, 4.0]], perplexity=2.5)
    >>> weights.round(3)
    array([[0.46, 0.46, 0.08, 0.  ]])
    >>> bool(converged[0])
    True
    """
    distances = np.asarray(distances, dtype=np.float64)
    _check_shape(distances)
    if not perplexity >= 1:
        raise ValueError(
            f"The 'perplexity' parameter of perplexity_weights must be a number of at least 1. "
            f"Got {perplexity!r} instead."
        )
    if len(distances) == 1:
        row = weights_of_one_row(distances[0], perplexity, tol, max_iter)
        if row is not None:
            return PerplexityWeights(*(np.array([part]) for part in row))
    # One row a column from here on: sums over the neighbours then run over all rows at once.
    columns = np.ascontiguousarray(distances.T)
    finite = np.isfinite(columns)
    _check_values(columns, finite)
    gaps, unit, all_equal, ties = _scale_free_gaps(columns, finite, perplexity)
    log_beta = np.full(len(distances), np.inf)
    log_beta[all_equal] = -np.inf
    converged = np.ones(len(distances), dtype=bool)
    search = np.flatnonzero(~(all_equal | ties))
    if search.size:
        searched = gaps if search.size == len(distances) else gaps[:, search]
        log_beta[search], converged[search] = _find_log_precision(
            searched, np.log(perplexity), tol, max_iter
        )
    with np.errstate(over="ignore", divide="ignore"):
        weights = _weights(gaps, log_beta)
        sigma = unit * np.sqrt(0.5 * np.exp(-log_beta))
    weights[:, all_equal] = finite[:, all_equal]
    weights /= _sum(weights)
    return PerplexityWeights(np.ascontiguousarray(weights.T), sigma, converged)


def _check_shape(distances: NDArray[np.float64]) -> None:
    if distances.ndim != 2 or distances.shape[1] == 0:
        raise _not_distances(distances.shape)


def _check_values(columns: NDArray[np.float64], finite: NDArray[np.bool_]) -> None:
    if not (columns >= 0).all():  # `not >= 0` also catches NaN
        raise _not_distances(columns.shape[::-1])
    without = np.flatnonzero(~finite.any(axis=0))
    if without.size:
        raise ValueError(
            "The 'distances' parameter of perplexity_weights must have a finite value in every row."
            f" Got {without.size} row(s) without one instead."
        )


def _not_distances(shape: tuple[int, ...]) -> ValueError:
    return ValueError(
        "The 'distances' parameter of perplexity_weights must be an array of shape (m, k), "
        f"k >= 1, without NaN or negative values. Got one of shape {shape} instead."
    )


def _sum(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the neighbours of each row, in one order for any number of rows."""
    if columns.shape[1] == 1:  # else NumPy would sum these pairwise
        return np.add.accumulate(columns, axis=0)[-1]
    return columns.sum(axis=0)


def _scale_free_gaps(
    distances: NDArray[np.float64], finite: NDArray[np.bool_], perplexity: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Squared distances minus the smallest one, in units of the reference neighbour's.

    The reference is the r-th nearest, with r the smallest whole number above the perplexity: the
    first neighbour that has to lose weight. In its unit the answer lies in a fixed bracket, however
    far the other neighbours are. In units of the largest distance it does not: one far neighbour
    would push all others together, below the smallest float.
    """
    k = len(distances)
    rank = min(int(np.floor(perplexity)), k - 1)
    nearest = distances.min(axis=0)
    ascending = bool((distances[1:] >= distances[:-1]).all())  # as searches give them
    reference = (distances if ascending else np.partition(distances, rank, axis=0))[rank]
    all_equal = (finite.sum(axis=0) <= perplexity) | ~np.isfinite(reference)
    ties = ~all_equal & (reference == nearest)
    ordinary = ~(all_equal | ties)
    # Halving keeps the sum of two distances near the largest float finite, and cancels below. It
    # would make the smallest floats equal, so small distances are not halved.
    part = np.where(reference > 1.0, 0.5, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # (a² - b²) as (a - b)(a + b): squares overflow or vanish for very large or small units
        near = part * nearest
        step = np.where(ordinary, part * reference - near, 1.0)
        total = np.where(ordinary, part * reference + near, 1.0)
        scaled = part * distances
        gaps = scaled - near
        gaps /= step
        scaled += near
        scaled /= total
        gaps *= scaled
        unit = np.sqrt(step) * np.sqrt(total) / part
    gaps[distances == nearest] = 0.0
    # Such a neighbour has no weight in any case, and 0 times the gap must be 0.
    np.fmin(gaps, FURTHEST, out=gaps)
    return gaps, unit, all_equal, ties


def _weights(gaps: NDArray[np.float64], log_beta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights before division by their sum; the nearest neighbour has weight 1."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        weights = gaps * -np.exp(log_beta)
        np.exp(weights, out=weights)
    weights[gaps == 0] = 1.0  # inf * 0: the ties keep their weight at infinite precision
    return weights


def _find_log_precision(
    gaps: NDArray[np.float64], target: float, tol: float, max_iter: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logarithm of the precision at which the entropy (in nats) is `target`, and a converged mask.

    Converged rows leave the search once they are half of the rows, so that a few hard rows do not
    make the others wait. The steps of a row do not depend on the rows beside it.
    """
    m = gaps.shape[1]
    roots, u = np.empty(m), np.full(m, START)
    active, done = np.arange(m), np.zeros(m, dtype=bool)
    low = np.full(m, LOG_BRACKET[0])
    high = np.full(m, LOG_BRACKET[1])
    last_step = high - low
    work = np.empty_like(gaps)  # a new array for each step would cost more than writing to it
    for _ in range(max_iter):
        excess, slope, curvature = _entropy_excess(gaps, u, target, work[:, : gaps.shape[1]])
        reached = np.abs(excess) <= tol
        if reached.any():
            first = np.flatnonzero(reached & ~done)
            roots[active[first]] = u[first]
            done |= reached
            keep = np.flatnonzero(~done)
            if not keep.size:
                break
            if 2 * keep.size <= done.size:  # copying the rest costs about as much as its next step
                gaps, active, done = gaps.take(keep, axis=1), active[keep], done[keep]
                u, low, high, last_step, excess, slope, curvature = (
                    part.take(keep) for part in (u, low, high, last_step, excess, slope, curvature)
                )
        too_wide = excess > 0  # the entropy falls as the precision grows
        low = np.where(too_wide, u, low)
        high = np.where(too_wide, high, u)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = excess / slope
            halley = u - newton / (1.0 - 0.5 * newton * curvature / slope)
        # Steps must halve: Halley's may hop back and forth over the root hundreds of times.
        trusted = (halley > low) & (halley < high) & (np.abs(halley - u) <= 0.5 * last_step)
        following = np.where(trusted, halley, 0.5 * (low + high))
        last_step = np.abs(following - u)
        u = following
    converged = np.ones(m, dtype=bool)
    if not done.all():
        converged[active] = done
        roots[active[~done]] = u[~done]
    return roots, converged


def _entropy_excess(
    gaps: NDArray[np.float64],
    log_beta: NDArray[np.float64],
    target: float,
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Entropy minus `target` in nats, and its two derivatives by the logarithm of the precision.

    The weights are written to `weights`, an array of the shape of `gaps`.
    """
    beta = np.exp(log_beta)
    np.multiply(gaps, -beta, out=weights)
    np.exp(weights, out=weights)  # of the nearest: 1
    total = _sum(weights)
    first, second, third = (_next_moment(weights, gaps) / total for _ in range(3))
    first *= beta
    second *= beta * beta
    third *= beta * beta * beta
    variance = second - first * first
    skew = third - first * (3.0 * second - 2.0 * first * first)
    # H = -Σ p log p with p = e^-βg / Σ e^-βg
    return np.log(total) + first - target, -variance, skew - 2.0 * variance


def _next_moment(weights: NDArray[np.float64], gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply the weights by the gaps in place, and sum them."""
    weights *= gaps
    return _sum(weights)
