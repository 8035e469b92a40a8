"""The search of `perplexity_weights` for a single row, by numbers instead of arrays of one number.

A service scores one row at a time, and a hundred calls of NumPy on a few values took half of that
time. Each number comes from the operations of `perplexity_weights` in the same order, so the
weights are the same to the last bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FURTHEST = 1e300
# Precision in units of the gap to the reference neighbour (see `_scale_free_gaps`). Below the lower
# end all weights up to the reference are equal to the last digit. Above the upper end all weights
# from the reference on are zero. So a root always lies between both.
LOG_BRACKET = (float(np.log(1e-13)), float(np.log(1e3)))
# In that unit the root was within 0.4 of this for nearly all rows of normal data, with 3 to 512
# columns, 15 to 50 neighbours and perplexities of 5 to 30, and for 9 of 10 at a perplexity of 2.
START = 1.1


def weights_of_one_row(
    distances: NDArray[np.float64], perplexity: float, tol: float, max_iter: int
) -> tuple[NDArray[np.float64], float, bool] | None:
    """Weights (k,), sigma and convergence; None unless the row is ordinary.

    An ordinary row has finite distances, more neighbours than the perplexity, and at most as many
    ties at the smallest distance.
    """
    values = distances.tolist()
    if len(values) <= perplexity or not all(0.0 <= value < np.inf for value in values):
        return None
    nearest, reference = min(values), sorted(values)[int(perplexity)]
    if reference == nearest:
        return None
    part = 0.5 if reference > 1.0 else 1.0
    near = part * nearest
    step, total = part * reference - near, part * reference + near
    with np.errstate(over="ignore"):
        scaled = part * distances
        gaps = (scaled - near) / step * ((scaled + near) / total)
    gaps[distances == nearest] = 0.0
    np.fmin(gaps, FURTHEST, out=gaps)
    log_beta, converged = _find_log_precision(gaps, float(np.log(perplexity)), tol, max_iter)
    weights = np.exp(gaps * -np.exp(log_beta))
    weights /= np.add.accumulate(weights)[-1]
    unit = np.sqrt(step) * np.sqrt(total) / part
    return weights, unit * np.sqrt(0.5 * np.exp(-log_beta)), converged


def _find_log_precision(
    gaps: NDArray[np.float64], target: float, tol: float, max_iter: int
) -> tuple[float, bool]:
    low, high = LOG_BRACKET
    u, last_step = START, high - low
    work = np.empty((4, len(gaps)))
    for _ in range(max_iter):
        excess, slope, curvature = _entropy_excess(gaps, u, target, work)
        if abs(excess) <= tol:
            return u, True
        if excess > 0:
            low = u
        else:
            high = u
        following = 0.5 * (low + high)
        if slope != 0:
            newton = excess / slope
            divisor = 1.0 - 0.5 * newton * curvature / slope
            halley = u - newton / divisor if divisor != 0 else np.inf
            if low < halley < high and abs(halley - u) <= 0.5 * last_step:
                following = halley
        last_step = abs(following - u)
        u = following
    return u, False


def _entropy_excess(
    gaps: NDArray[np.float64], log_beta: float, target: float, work: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Entropy minus target and two derivatives; `work` gets the weights times powers of gaps."""
    beta = float(np.exp(log_beta))
    weights = work[0]
    np.multiply(gaps, -beta, out=weights)
    np.exp(weights, out=weights)
    for power in (1, 2, 3):
        np.multiply(work[power - 1], gaps, out=work[power])
    total, first, second, third = np.add.accumulate(work, axis=1)[:, -1].tolist()
    first, second, third = first / total, second / total, third / total
    first *= beta
    second *= beta * beta
    third *= beta * beta * beta
    variance = second - first * first
    skew = third - first * (3.0 * second - 2.0 * first * first)
    return float(np.log(total)) + first - target, -variance, skew - 2.0 * variance
