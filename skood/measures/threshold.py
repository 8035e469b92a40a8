"""The score below which a row counts as out-of-distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def contamination_threshold(training_scores: ArrayLike, contamination: float) -> float:
    """The score below which the share `contamination` of the training scores lies.

    Parameters
    ----------
    training_scores : array-like of shape (n,)
        Scores of in-distribution rows, higher = more in-distribution.
    contamination : float
        The share of them that may be flagged, in (0, 0.5].

    Returns
    -------
    float
        The quantile, interpolated linearly between training scores as by scikit-learn's outlier
        detectors.

    Raises
    ------
    ValueError
        If `training_scores` is empty or not finite, or `contamination` is out of range.

    Examples
    --------
    >>> from skood.measures import contamination_threshold
    >>> contamination_threshold([-4.0, -3.0, -2.0, -1.0, 0.0], 0.25)
    -3.0
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
    return float(np.quantile(scores, contamination))
