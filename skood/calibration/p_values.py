"""Conformal p-values of scores, and decisions by them.

Calibration scores come in groups, each in ascending order: one group, or one for each class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from ..measures.ties import tie_limits

# Shares of whole numbers differ by far more than this where they differ at all.
_ROUNDING = 1e-12
# P-values up to this share of the level are evidence where e-values decide.
_SHARE_OF_LEVEL = 0.1

Scores = NDArray[np.float64]


def conformal_p_values(
    scores: Scores,
    groups: Iterable[Scores],
    uniform: Scores | None = None,
    *,
    unit: float | None = None,
) -> NDArray[np.float64]:
    """The largest p-value over the groups.

    `uniform` holds a number in [0, 1) for each score, which breaks its ties with calibration
    scores. Without it, a tied calibration score counts as lower. With a `unit`, scores tie as
    `tie_limits` says; else they tie if they are equal.
    """
    largest = np.zeros(len(scores))
    for calibration in groups:
        lower, ties = count_lower(scores, calibration, unit)
        counted = ties if uniform is None else np.floor(uniform * (ties + 1))
        np.maximum(largest, (1 + lower + counted) / (len(calibration) + 1), out=largest)
    return largest


def count_lower(
    scores: Scores, calibration: Scores, unit: float | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each score, the numbers of lower calibration scores and of ties."""
    low, high = (scores, scores) if unit is None else tie_limits(scores, unit)
    lower = np.searchsorted(calibration, low, side="left")
    return lower, np.searchsorted(calibration, high, side="right") - lower


def conformal_threshold(groups: Iterable[Scores], alpha: float) -> float:
    """The threshold: the p-value without random ties is <= alpha for lower scores only."""
    thresholds = []
    for calibration in groups:
        rank = largest_rank(len(calibration), alpha)
        thresholds.append(float(calibration[rank - 1]) if rank else -math.inf)
    return min(thresholds)


def largest_rank(n: int, alpha: float) -> int:
    """The largest whole j with j / (n + 1) <= alpha; with 0, nothing can be flagged."""
    rank = math.floor(alpha * (n + 1))
    # The product may have been rounded past a whole number: 0.29 * 100 is less than 29.
    if (rank + 1) / (n + 1) <= alpha:
        return rank + 1
    return rank - 1 if rank / (n + 1) > alpha else rank


def fewest_calibration_scores(alpha: float) -> int:
    """The smallest number of calibration scores with which a p-value can be <= alpha."""
    return math.ceil(1 / alpha) - 1


def e_benjamini_hochberg(p_values: NDArray[np.float64], alpha: float, n: int) -> NDArray[np.bool_]:
    """The hypotheses that Benjamini and Hochberg reject by e-values.

    The e-value of a row is 1 / t if its p-value is at most t, else 0: its mean is at most 1 under
    the hypothesis. t is the largest p-value up to a tenth of alpha that n calibration scores allow.
    """
    limit = largest_rank(n, _SHARE_OF_LEVEL * alpha) / (n + 1)
    rejected = p_values <= limit * (1 + _ROUNDING)
    enough = limit > 0 and rejected.sum() * alpha >= len(p_values) * limit * (1 - _ROUNDING)
    return rejected & enough


def benjamini_hochberg(p_values: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
    """The hypotheses that Benjamini and Hochberg reject at a false discovery rate of alpha."""
    return false_discovery_control(p_values) <= alpha * (1 + _ROUNDING)
