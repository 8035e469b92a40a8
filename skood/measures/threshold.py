"""The score below which a row counts as out-of-distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def contamination_threshold(training_scores: ArrayLike, contamination: float) -> float:
    """The score below which the share `contamination` of new in-distribution scores lies.

    Parameters
    ----------
    training_scores : array-like of shape (n,)
        Scores of in-distribution rows, higher = more in-distribution.
    contamination : float
        The share of them that may be flagged, in (0, 0.5].

    Returns
    -------
    float
        The quantile at rank ``contamination * (n + 1)``, interpolated linearly between training
        scores: of n + 1 exchangeable scores, the last lies below the k-th smallest of the others
        with probability ``k / (n + 1)``. For ranks below 1 the smallest training score, which new
        ones are below with probability ``1 / (n + 1)``.

    Raises
    ------
    ValueError
        If `training_scores` is empty or not finite, or `contamination` is out of range.

    Examples
    --------
    >>> from skood.measures import contamination_threshold
    >>> contamination_threshold([-4.0, -3.0, -2.0, -1.0, 0.0], 0.25)
    -3.5
    """
    scores = np.asarray(training_scores, dtype=np.float64)
    if scores.ndim != 1 or not scores.size or not np.isfinite(scores).all():
        raise ValueError(
            "The 'training_scores' parameter of contamination_threshold must be a one-dimensional "
            f"array of finite numbers. Got one of shape {scores.shape} instead."
        )
    if not 0 < contamination <= 0.5:
        raise ValueError(
            "The 'contamination' parameter of contamination_threshold must be a float in (0, 0.5]. "
            f"Got {contamination!r} instead."
        )
    return float(np.quantile(scores, contamination, method="weibull"))
