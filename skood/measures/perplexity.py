"""Gaussian neighbour weights whose perplexity is the one asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FURTHEST = 1e300
# Precision in units of the gap to the reference neighbour (see `_scale_free_gaps`). Below the lower
# end all weights up to the reference are equal to the last digit; above the upper end those from
# the reference on are zero. So the root, where there is one, always lies between them.
_LOG_BRACKET = (np.log(1e-13), np.log(1e3))
# In that unit the root was within 0.3 of 1 in nearly all rows of normal data, for 3 to 512 columns,
# 15 to 50 neighbours and perplexities of 2 to 30.
_START = 1.0


class PerplexityWeights(NamedTuple):
    """What `perplexity_weights` found for each row."""

    weights: NDArray[np.float64]
    """(m, k): the weight of each neighbour; every row sums to 1."""
    sigma: NDArray[np.float64]
    """(m,): the width of the Gaussian, in the unit of the distances. 0 where ties at the nearest
    distance share all the weight, inf where all neighbours weigh the same."""
    converged: NDArray[np.bool_]
    """(m,): False where the search ended before the perplexity was reached."""


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
        ``inf`` stands for a neighbour that gets no weight.
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
        If `distances` is not a two-dimensional array of numbers that are not negative, has a row
        without one finite distance, or `perplexity` is below 1.

    Notes
    -----
    Two kinds of row have no root, and their limit is the answer. If at least `perplexity`
    neighbours tie at the smallest distance, the ties share all the weight equally. If at most
    `perplexity` neighbours are finite, all of these weigh the same. Both count as converged.

    The root is bracketed in the logarithm of the precision. A Newton step is taken where it stays
    inside the bracket and is at most half of the step before, and a bisection step elsewhere. So
    the search can neither leave the bracket nor circle.

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
    distances = _check_distances(distances)
    if not perplexity >= 1:
        raise ValueError(
            f"The 'perplexity' parameter of perplexity_weights must be a number of at least 1. "
            f"Got {perplexity!r} instead."
        )
    gaps, unit, all_equal, ties = _scale_free_gaps(distances, perplexity)
    log_beta = np.full(len(distances), np.inf)
    log_beta[all_equal] = -np.inf
    converged = np.ones(len(distances), dtype=bool)
    search = np.flatnonzero(~(all_equal | ties))
    if search.size:
        log_beta[search], converged[search] = _find_log_precision(
            gaps[search], np.log(perplexity), tol, max_iter
        )
    with np.errstate(over="ignore", divide="ignore"):
        weights = _weights(gaps, log_beta)
        sigma = unit * np.sqrt(0.5 * np.exp(-log_beta))
    weights[all_equal] = np.isfinite(distances[all_equal])
    weights /= weights.sum(axis=1, keepdims=True)
    return PerplexityWeights(weights, sigma, converged)


def _check_distances(distances: ArrayLike) -> NDArray[np.float64]:
    distances = np.asarray(distances, dtype=np.float64)
    # `not >= 0` also catches NaN
    if distances.ndim != 2 or distances.shape[1] == 0 or not (distances >= 0).all():
        raise ValueError(
            "The 'distances' parameter of perplexity_weights must be an array of shape (m, k), "
            f"k >= 1, without NaN or negative values. Got one of shape {distances.shape} instead."
        )
    if not np.isfinite(distances).any(axis=1).all():
        raise ValueError(
            "The 'distances' parameter of perplexity_weights must have a finite value in every row."
            f" Got {int((~np.isfinite(distances).any(axis=1)).sum())} row(s) without one instead."
        )
    return distances


def _scale_free_gaps(
    distances: NDArray[np.float64], perplexity: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Squared distances above the smallest one, in units of that of the reference neighbour.

    The reference is the r-th nearest, r the smallest whole number above the perplexity: the first
    one that has to lose weight. In its unit the answer lies in a fixed bracket, however far the
    other neighbours are; in units of the largest distance it does not (one far neighbour would push
    all others together, below the smallest float).
    """
    k = distances.shape[1]
    rank = min(int(np.floor(perplexity)), k - 1)
    nearest = distances.min(axis=1, keepdims=True)
    reference = np.partition(distances, rank, axis=1)[:, rank, np.newaxis]
    all_equal = (np.isfinite(distances).sum(axis=1) <= perplexity) | ~np.isfinite(reference[:, 0])
    ties = ~all_equal & (reference[:, 0] == nearest[:, 0])
    ordinary = ~(all_equal | ties)[:, np.newaxis]
    # Halving keeps the sums of two distances near the largest float finite; it cancels below. It
    # would make the smallest floats equal, though, so small distances stay as they are.
    part = np.where(reference > 1.0, 0.5, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # (a² - b²) as (a - b)(a + b): squares overflow or vanish for very large or small units
        step = np.where(ordinary, part * reference - part * nearest, 1.0)
        total = np.where(ordinary, part * reference + part * nearest, 1.0)
        gaps = (part * distances - part * nearest) / step
        gaps *= (part * distances + part * nearest) / total
        unit = np.sqrt(step[:, 0]) * np.sqrt(total[:, 0]) / part[:, 0]
    gaps[distances == nearest] = 0.0
    # Without weight all the same, and 0 times it is 0.
    np.fmin(gaps, _FURTHEST, out=gaps)
    return gaps, unit, all_equal, ties


def _weights(gaps: NDArray[np.float64], log_beta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights before they are divided by their sum; the nearest has weight 1."""
    beta = np.exp(log_beta)[:, np.newaxis]
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        weights = np.exp(-beta * gaps)
    weights[gaps == 0] = 1.0  # inf * 0: the ties keep their weight at infinite precision
    return weights


def _find_log_precision(
    gaps: NDArray[np.float64], target: float, tol: float, max_iter: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logarithm of the precision at which the entropy (in nats) is `target`, and a converged mask.

    Rows leave the search as they converge, so that a hard row does not make the others wait. Each
    row's steps are its own: the answer does not depend on the rows beside it.
    """
    found = np.full(len(gaps), _START)
    converged = np.zeros(len(gaps), dtype=bool)
    active = np.arange(len(gaps))
    u = found.copy()
    low = np.full(len(gaps), _LOG_BRACKET[0])
    high = np.full(len(gaps), _LOG_BRACKET[1])
    last_step = high - low
    for _ in range(max_iter):
        excess, slope = _entropy_excess(gaps, u, target)
        found[active] = u
        done = np.abs(excess) <= tol
        if done.any():
            converged[active[done]] = True
            keep = np.flatnonzero(~done)
            if not keep.size:
                break
            active = active[keep]
            gaps, u, low, high, last_step, excess, slope = (
                part[keep] for part in (gaps, u, low, high, last_step, excess, slope)
            )
        too_wide = excess > 0  # the entropy falls as the precision grows
        low = np.where(too_wide, u, low)
        high = np.where(too_wide, high, u)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = u - excess / slope
        # Steps have to halve: Newton's may hop back and forth over the root for hundreds of times.
        trusted = (newton > low) & (newton < high) & (np.abs(newton - u) <= 0.5 * last_step)
        following = np.where(trusted, newton, 0.5 * (low + high))
        last_step = np.abs(following - u)
        u = following
    return found, converged


def _entropy_excess(
    gaps: NDArray[np.float64], log_beta: NDArray[np.float64], target: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entropy minus `target` in nats, and its derivative by the logarithm of the precision."""
    beta = np.exp(log_beta)
    weights = gaps * -beta[:, np.newaxis]
    np.exp(weights, out=weights)  # of the nearest: 1
    total = weights.sum(axis=1)
    weights *= gaps
    mean = beta * weights.sum(axis=1) / total
    square = beta**2 * np.einsum("ij,ij->i", weights, gaps) / total
    # H = -Σ p log p with p = e^-βg / Σ e^-βg
    return np.log(total) + mean - target, mean**2 - square
