"""Scores that are equal but for rounding.

A matrix product rounds one row and many rows differently. So the score of a row in another batch
may differ in its last digits, and a comparison of scores must not hang on these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Scores are ties if they differ by at most this share of their size, or of their unit.
TIE_TOLERANCE = 1e-9


def tie_limits(
    scores: NDArray[np.float64], unit: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the largest score that count as equal to each score, which may be infinite.

    `unit` is the usual size of a score: near 0, scores have the rounding error of this size.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures.ties import tie_limits
    >>> low, high = tie_limits(np.array([-3.0, 0.0]), 1.0)
    >>> (high - low).round(12)
    array([6.e-09, 2.e-09])
    """
    sizes = np.abs(scores)
    reach = TIE_TOLERANCE * np.maximum(np.where(sizes < np.inf, sizes, 0.0), unit)
    return scores - reach, scores + reach


def unit_of_ordered(scores: NDArray[np.float64]) -> float:
    """The usual size of scores in ascending order: that of their largest quartile, 0 if none.

    Less than a quarter of outliers do not change it.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures.ties import unit_of_ordered
    >>> unit_of_ordered(np.array([-1e12, -4.0, -3.0, -2.0, -1.0]))
    4.0
    """
    n = len(scores)
    quartiles = [abs(float(scores[i * n // 4])) for i in (1, 2, 3)] if n else []
    return max([size for size in quartiles if size < np.inf], default=0.0)


def below_ties(threshold: float, scores: Any) -> float:
    """The threshold, moved below the scores that are equal to it but for rounding.

    So each of them is on the same side in any batch: at or above the threshold. `scores` are those
    that it was made from.

    Examples
    --------
    >>> from skood.measures.ties import below_ties
    >>> below_ties(-2.5, [-4.0, -3.0, -2.0, -1.0])
    -2.5
    >>> -2.0 - 1e-8 < below_ties(-2.0, [-4.0, -3.0, -2.0, -1.0]) < -2.0
    True
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    limits = tie_limits(np.array([threshold]), unit_of_ordered(ordered))
    first = np.searchsorted(ordered, limits[0], side="left")
    last = np.searchsorted(ordered, limits[1], side="right")
    return float(limits[0][0]) if first < last else threshold
