"""How much of the neighbours' own measure to take off a row's, learnt from the training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.5
_ROUNDING = 1e-9  # of logarithms


def estimated_locality(
    lcp: NDArray[np.float64], around: NDArray[np.float64], epsilon: float
) -> float:
    r"""Half the slope of log LCP over the logarithm of the neighbours' mean LCP, in [0, 1].

    The slope is that of least squares over the training rows, each with itself left out: taking
    that much off would leave their scores the smallest variance. It is small where the neighbours'
    LCP says little about a row's own, 1 where clusters differ in density alone, and more where the
    neighbours of rows far out lie further in. Half of it did better than all of it on embeddings
    of images and of texts (`benchmarks/embedding_preset.py`).

    Parameters
    ----------
    lcp : ndarray of shape (n,)
        LCP of each training row.
    around : ndarray of shape (n,)
        Mean LCP of its neighbours.
    epsilon : float
        What is added to both before their logarithms, as in the score.

    Returns
    -------
    float
        0 where the neighbours' LCP differ by rounding alone.
    """
    x, y = np.log(around + epsilon), np.log(lcp + epsilon)
    x, y = x - x.mean(), y - y.mean()
    if np.abs(x).max() <= _ROUNDING:
        return 0.0
    return min(max(_SHARE * float(x @ y) / float(x @ x), 0.0), 1.0)
