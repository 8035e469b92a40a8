"""Weights of training rows in a Gaussian kernel density."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class KernelWeights(NamedTuple):
    """The result of `kernel_weights` for each row."""

    weights: NDArray[np.float64]
    """(m, n): the kernel of each training row, divided by their sum."""
    entropy: NDArray[np.float64]
    """(m,): the entropy of the weights, in nats."""
    exponents: NDArray[np.float64]
    """(m, n): half the squared distance of each training row, in bandwidths."""


def kernel_weights(distances: ArrayLike, bandwidth: float) -> KernelWeights:
    r"""Weights of training rows in a Gaussian kernel density.

    The logarithm of the sum of the kernels :math:`e^{-e_i}` is the entropy of the weights
    :math:`w_i \propto e^{-e_i}` minus the mean of the exponents,

    .. math:: \log \sum_i e^{-e_i} = H(w) - \sum_i w_i e_i, \qquad e_i = d_i^2 / 2h^2.

    The second part is a sum over features. The first depends on all features together.

    Parameters
    ----------
    distances : array-like of shape (m, n)
        Distances of m rows to n training rows; inf for a training row that is left out.
    bandwidth : float
        Width h of the kernel, in the unit of the distances.

    Returns
    -------
    KernelWeights
        A named tuple ``(weights, entropy, exponents)``.

    Examples
    --------
    >>> from skood.measures import kernel_weights
    >>> weights, entropy, exponents = kernel_weights([[1.0, 1.0, float("inf")]], bandwidth=1.0)
    >>> weights, entropy.round(3)
    (array([[0.5, 0.5, 0. ]]), array([0.693]))
    """
    scaled = np.asarray(distances, dtype=np.float64) / bandwidth
    nearest = scaled.min(axis=1, keepdims=True)
    with np.errstate(over="ignore", under="ignore"):
        # (a² - b²) as (a - b)(a + b): the squares may overflow, their difference need not
        gaps = 0.5 * (scaled - nearest) * (scaled + nearest)
        kernels = np.exp(-gaps)
        exponents = 0.5 * scaled**2
    total = kernels.sum(axis=1, keepdims=True)
    weights = kernels / total
    # 0 · inf is 0 here
    entropy = np.log(total[:, 0]) + (weights * np.where(weights > 0, gaps, 0.0)).sum(axis=1)
    return KernelWeights(weights, entropy, exponents)
