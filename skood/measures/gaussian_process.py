"""Posterior deviation of a Gaussian process whose kernel is an inner product of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular

from .lengths import row_norms


def gaussian_process_factor(gram: ArrayLike, noise_variance: float) -> NDArray[np.float64]:
    r"""Lower Cholesky factor of :math:`\Phi^\top \Phi + \sigma^2 I`, for the deviation.

    Parameters
    ----------
    gram : array-like of shape (d, d)
        The sum :math:`\Phi^\top \Phi` of the outer products of the training rows.
    noise_variance : float
        The variance :math:`\sigma^2` of the noise, above 0.

    Returns
    -------
    ndarray of shape (d, d)
        The factor.

    Examples
    --------
    >>> from skood.measures import gaussian_process_factor
    >>> gaussian_process_factor([[3.0]], 1.0)
    array([[2.]])
    """
    gram = np.asarray(gram, dtype=np.float64)
    return cholesky(gram + noise_variance * np.eye(len(gram)), lower=True)


def gaussian_process_deviation(
    X: ArrayLike,
    factor: ArrayLike,
    noise_variance: float,
    left_out: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Posterior standard deviation of a Gaussian process with the kernel :math:`x^\top x'`.

    Over training rows :math:`\Phi`, the posterior variance is

    .. math:: k(x, x) - k(x, \Phi) \left(k(\Phi, \Phi) + \sigma^2 I\right)^{-1} k(\Phi, x)
        = \sigma^2 x^\top \left(\Phi^\top \Phi + \sigma^2 I\right)^{-1} x.

    The right side is Woodbury's identity: it needs d × d numbers, not n × n. The function returns
    the square root. A training row is left out of the training rows by the rank-one update
    :math:`v / (1 - v / \sigma^2)` of its variance v.

    Parameters
    ----------
    X : array-like of shape (m, d)
        The rows.
    factor : array-like of shape (d, d)
        The result of `gaussian_process_factor`.
    noise_variance : float
        The variance :math:`\sigma^2` of the noise, as for `factor`.
    left_out : array-like of bool of shape (m,), optional
        Which rows are training rows, to be left out.

    Returns
    -------
    ndarray of shape (m,)
        The standard deviations, in units of X.

    References
    ----------
    Rasmussen and Williams (2006), Gaussian processes for machine learning, equations 2.11 and 2.26.

    Examples
    --------
    >>> from skood.measures import gaussian_process_deviation, gaussian_process_factor
    >>> factor = gaussian_process_factor([[3.0, 0.0], [0.0, 0.0]], 1.0)
    >>> gaussian_process_deviation([[2.0, 0.0], [0.0, 2.0]], factor, 1.0)
    array([1., 2.])
    """
    X = np.asarray(X, dtype=np.float64)
    ratios = row_norms(solve_triangular(factor, X.T, lower=True).T)  # to the noise's deviation
    if left_out is not None:
        own = np.where(left_out, ratios, 0.0)  # below 1
        ratios = ratios / np.sqrt((1.0 - own) * (1.0 + own))
    return np.sqrt(noise_variance) * ratios
