"""Generalised entropy of a classifier's probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def generalized_entropy(
    logits: ArrayLike, *, gamma: float = 0.1, n_largest: int = 100
) -> NDArray[np.float64]:
    r"""Generalised entropy of the largest softmax probabilities of each row of logits.

    .. math:: G_\gamma = \sum_{j=1}^{M} p_j^\gamma (1 - p_j)^\gamma

    over the M largest probabilities. A small power :math:`\gamma` makes it sensitive to small
    differences from a certain prediction.

    Parameters
    ----------
    logits : array-like of shape (m, n_classes)
        The logits; the logarithms of probabilities serve as well.
    gamma : float, default=0.1
        The power, in (0, 1).
    n_largest : int, default=100
        The number M, at most the number of classes.

    Returns
    -------
    ndarray of shape (m,)
        From 0; larger = less certain.

    References
    ----------
    Liu, Lochman and Zach (2023), GEN: pushing the limits of softmax-based out-of-distribution
    detection: the generalised entropy, cut off after the M largest probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures import generalized_entropy
    >>> generalized_entropy(np.log([[0.5, 0.5], [0.8, 0.2]]), gamma=0.5)  # 2 sqrt(p (1 - p))
    array([1. , 0.8])
    """
    ordered = -np.sort(-np.asarray(logits, dtype=np.float64), axis=1)
    with np.errstate(over="ignore", divide="ignore"):  # a difference may exceed the largest float
        below = ordered - ordered[:, :1]
        powers = np.exp(below)
        total = powers.sum(axis=1, keepdims=True)
        others = total - powers
        others[:, 0] = powers[:, 1:].sum(axis=1)  # 1 - p would round to 0 for a certain prediction
        log_products = below + np.log(others) - 2 * np.log(total)
    return np.exp(gamma * log_products[:, :n_largest]).sum(axis=1)
