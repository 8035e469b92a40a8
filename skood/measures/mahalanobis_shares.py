"""Shares of the features in a Mahalanobis distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .shares import ShareFactors

_EPS = float(np.finfo(np.float64).eps)


def mahalanobis_share_factors(differences: ArrayLike, whitening: ArrayLike) -> ShareFactors:
    r"""Divide the Mahalanobis distance of rows from a mean among the features.

    The share of feature j of the difference :math:`u = x - \mu` is
    :math:`u_j\,(\Sigma^{-1} u)_j / \mathrm{MD}(x)`: the difference times the slope of the distance.
    It is negative for a feature that lies where the other, correlated features predict it: the row
    would be further away without it.

    Parameters
    ----------
    differences : array-like of shape (m, d)
        The rows minus the mean.
    whitening : array-like of shape (d, r)
        W with :math:`W W^\top = \Sigma^{-1}`, as by `whitening_matrix`.

    Returns
    -------
    ShareFactors
        Their shares sum to `mahalanobis_distance`.

    References
    ----------
    Garthwaite and Koch (2016), Evaluating the contributions of individual variables to a quadratic
    form, section 1: the products, and their signs.

    Examples
    --------
    >>> from skood.measures import mahalanobis_share_factors, whitening_matrix
    >>> whitening = whitening_matrix([[0.25, 0.0], [0.0, 4.0]])
    >>> mahalanobis_share_factors([[1.5, 8.0]], whitening).shares()  # 3² / 5 and 4² / 5
    array([[1.8, 3.2]])
    """
    differences = np.asarray(differences, dtype=np.float64)
    whitening = np.asarray(whitening, dtype=np.float64)
    white = differences @ whitening
    # Divided in two steps: squares of far rows would overflow.
    largest = np.abs(white).max(axis=1, keepdims=True)
    white /= np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(white, axis=1, keepdims=True)
    white /= np.where(length > 0, length, 1.0)
    return ShareFactors(differences[:, np.newaxis], (white @ whitening.T)[:, np.newaxis])


def left_out_mahalanobis_share_factors(
    X: ArrayLike,
    own_class: ArrayLike,
    chosen: ArrayLike,
    means: ArrayLike,
    whitening: ArrayLike,
    counts: ArrayLike,
    *,
    shrinkage: float = 0.0,
    n_varying: int | None = None,
) -> ShareFactors:
    r"""Divide the Mahalanobis distance of training rows, each left out, among the features.

    As `mahalanobis_share_factors`, with the covariance and the mean of the other rows.
    `left_out_mahalanobis_distance` explains the letters. The squared distance is
    :math:`u^\top P u` with

    .. math:: P u = \tfrac{n-1}{n} \Bigl[ B^{-1} u
        + \frac{a\, (v^\top B^{-1} u)}{1 - a\, v^\top B^{-1} v} B^{-1} v \Bigr].

    Parameters
    ----------
    X : array-like of shape (m, d)
        Training rows.
    own_class : array-like of int of shape (m,)
        The class of each row, as its position in `means`.
    chosen : array-like of int of shape (m,)
        The class whose distance is divided. A row alone in its class needs another class.
    means, whitening, counts, shrinkage, n_varying
        As in `left_out_mahalanobis_distance`.

    Returns
    -------
    ShareFactors
        Their shares sum to the distance of the chosen class.

    Examples
    --------
    >>> from skood.measures import left_out_mahalanobis_share_factors
    >>> X = [[-2.0], [0.0], [2.0]]  # mean 0, variance 8/3; without the last row -1 and 1
    >>> left_out_mahalanobis_share_factors(
    ...     X[2:], [0], [0], [[0.0]], [[(3 / 8) ** 0.5]], [3]
    ... ).shares()
    array([[3.]])
    """
    means, counts = np.asarray(means, dtype=np.float64), np.asarray(counts)
    own_class, chosen = np.asarray(own_class), np.asarray(chosen)
    whitening = np.asarray(whitening, dtype=np.float64)
    n, n_own = int(counts.sum()), counts[own_class]
    growth = n_own / np.maximum(n_own - 1, 1)
    tiny = max(n, len(whitening)) * _EPS
    from_own = np.subtract(X, means[own_class], dtype=np.float64)

    lost = np.einsum("ij,ij->i", from_own, from_own) * growth / (n * (n_varying or means.shape[1]))
    inverse_eigenvalues = np.einsum("ij,ij->j", whitening, whitening)
    weights = 1.0 / np.maximum(1.0 - shrinkage * np.outer(lost, inverse_eigenvalues), tiny)
    own_white = from_own @ whitening
    weighted = weights * own_white
    a = np.where(n_own > 1, (1.0 - shrinkage) * growth / n, 0.0)
    remaining = np.maximum(1.0 - a * np.einsum("ij,ij->i", weighted, own_white), tiny)

    in_own = chosen == own_class
    differences = np.subtract(X, means[chosen], dtype=np.float64)
    differences[in_own] *= growth[in_own, np.newaxis]
    white = differences @ whitening
    pull = weights * white
    pull += (a / remaining * np.einsum("ij,ij->i", weighted, white))[:, np.newaxis] * weighted
    # In the row's own class both parts are along v: their sum in closed form loses no digits.
    pull[in_own] = weighted[in_own] * (growth / remaining)[in_own, np.newaxis]
    pull *= (n - 1) / n
    distance = np.sqrt(np.einsum("ij,ij->i", white, pull))
    slopes = (pull / np.where(distance > 0, distance, 1.0)[:, np.newaxis]) @ whitening.T
    return ShareFactors(differences[:, np.newaxis], slopes[:, np.newaxis])
