"""Mahalanobis distance of rows from the means of classes that share one covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

_FAR = 2.0**500  # beyond this a square may overflow
_EPS = float(np.finfo(np.float64).eps)


def whitening_matrix(covariance: ArrayLike) -> NDArray[np.float64]:
    r"""Matrix that makes the covariance of rows the identity.

    With the eigendecomposition :math:`\Sigma = V \Lambda V^\top` it is
    :math:`W = V \Lambda^{-1/2}`, so :math:`W W^\top = \Sigma^{-1}`. Of a singular covariance,
    eigenvalues below :math:`d \epsilon \lambda_{\max}` are raised to it (to 1 where all are 0).
    So a row outside the span of the others is far, at a finite distance.

    Parameters
    ----------
    covariance : array-like of shape (d, d)
        A symmetric matrix without negative eigenvalues.

    Returns
    -------
    ndarray of shape (d, d)
        The columns belong to the eigenvalues in ascending order.

    Examples
    --------
    >>> from skood.measures import whitening_matrix
    >>> abs(whitening_matrix([[0.25, 0.0], [0.0, 4.0]]))
    array([[2. , 0. ],
           [0. , 0.5]])
    """
    covariance = np.asarray(covariance, dtype=np.float64)
    if not np.isfinite(covariance).all():
        raise ValueError(
            "The 'covariance' parameter of whitening_matrix must hold finite numbers. Got inf or "
            "NaN, as of rows whose squares overflow: divide these by a power of two."
        )
    eigenvalues, vectors = np.linalg.eigh(covariance)
    floor = len(eigenvalues) * _EPS * eigenvalues[-1] if eigenvalues[-1] > 0 else 1.0
    return vectors / np.sqrt(np.maximum(eigenvalues, floor))


def mahalanobis_distance(
    X: ArrayLike, means: ArrayLike, whitening: ArrayLike
) -> NDArray[np.float64]:
    r"""Mahalanobis distance of each row from each mean.

    .. math:: \mathrm{MD}_c(x) = \sqrt{(x - \mu_c)^\top \Sigma^{-1} (x - \mu_c)}
        = \bigl\| W^\top (x - \mu_c) \bigr\|, \qquad W W^\top = \Sigma^{-1}

    W replaces the covariance: a product with :math:`\Sigma^{-1}` loses twice as many digits where
    the covariance is nearly singular.

    Parameters
    ----------
    X : array-like of shape (m, d)
        The rows.
    means : array-like of shape (n_classes, d)
        The mean of each class.
    whitening : array-like of shape (d, r)
        W, the result of `whitening_matrix` for the covariance. A Cholesky factor of the precision
        matrix works as well.

    Returns
    -------
    ndarray of shape (m, n_classes)
        In standard deviations; larger = further from the class.

    References
    ----------
    Mahalanobis (1936), On the generalised distance in statistics. Lee et al. (2018), A simple
    unified framework for detecting out-of-distribution samples and adversarial attacks, equation 2.

    Examples
    --------
    >>> from skood.measures import mahalanobis_distance, whitening_matrix
    >>> whitening = whitening_matrix([[0.25, 0.0], [0.0, 4.0]])
    >>> mahalanobis_distance([[1.5, 8.0]], [[0.0, 0.0], [1.5, 0.0]], whitening)
    array([[5., 4.]])
    """
    means = np.asarray(means, dtype=np.float64)
    origin = means.mean(axis=0)  # subtracted first: rows far from zero keep their digits
    rows = np.subtract(X, origin, dtype=np.float64) @ whitening
    centres = (means - origin) @ whitening
    distances = cdist(rows, centres)
    far = np.flatnonzero(np.abs(rows).max(axis=1) > _FAR)
    if far.size:
        distances[far] = _FAR * cdist(rows[far] / _FAR, centres / _FAR)
    return distances


def left_out_mahalanobis_distance(
    X: ArrayLike,
    own_class: ArrayLike,
    means: ArrayLike,
    whitening: ArrayLike,
    counts: ArrayLike,
    *,
    shrinkage: float = 0.0,
    n_varying: int | None = None,
    at: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Mahalanobis distance of training rows, each left out of the estimates.

    The covariance is :math:`\Sigma = (1 - \delta) S + \delta m I`, with S the mean over all n rows
    of the outer products of their differences from their class means, and m the mean variance,
    :math:`\operatorname{tr}(S) / d`. A row of class c, one of :math:`n_c`, at
    :math:`v = x - \mu_c`, left out of S, of m and of its class mean, leaves

    .. math:: \Sigma_{-x} = \tfrac{n}{n-1} \bigl(B - a\, v v^\top\bigr), \qquad
        B = \Sigma - \frac{\delta\, n_c \|v\|^2}{(n_c - 1)\, n\, d}\, I, \qquad
        a = \frac{(1 - \delta)\, n_c}{(n_c - 1)\, n},

    and by the Sherman-Morrison formula, for :math:`u = x - \mu_j`, or in its own class
    :math:`u = v\, n_c / (n_c - 1)`,

    .. math:: \mathrm{MD}_{-x}^2 = \tfrac{n-1}{n} \Bigl[ u^\top B^{-1} u
        + \frac{a\, (u^\top B^{-1} v)^2}{1 - a\, v^\top B^{-1} v} \Bigr].

    B has the eigenvectors of :math:`\Sigma`, so a row needs no new decomposition. The shrinkage
    :math:`\delta` stays that of all rows; everything else is exact. The formulas hold for the
    distance of any other point p too, with :math:`u = p - \mu_j`, or :math:`p - x + v\, n_c / (n_c
    - 1)` in the row's own class.

    Parameters
    ----------
    X : array-like of shape (m, d)
        Training rows.
    own_class : array-like of int of shape (m,)
        The class of each row, as its position in `means`.
    means : array-like of shape (n_classes, d)
        The mean of each class.
    whitening : array-like of shape (d, d)
        The result of `whitening_matrix` for the covariance.
    counts : array-like of int of shape (n_classes,)
        Number of training rows of each class.
    shrinkage : float, default=0.0
        The shrinkage :math:`\delta`.
    n_varying : int, optional
        The number d of features in the mean variance; all by default.
    at : array-like of shape (m, d), optional
        The points p whose distances are computed; by default the rows left out.

    Returns
    -------
    ndarray of shape (m, n_classes)
        In standard deviations. The distance from a class of one row is infinite for that row:
        without it there is no such class. A row is far where the other rows do not vary along it.

    Examples
    --------
    >>> from skood.measures import left_out_mahalanobis_distance
    >>> X = [[-2.0], [0.0], [2.0]]  # mean 0, variance 8/3; without the last row -1 and 1
    >>> left_out_mahalanobis_distance(X[2:], [0], [[0.0]], [[(3 / 8) ** 0.5]], [3])
    array([[3.]])
    """
    means, own_class = np.asarray(means, dtype=np.float64), np.asarray(own_class)
    counts, whitening = np.asarray(counts), np.asarray(whitening, dtype=np.float64)
    n, n_own = int(counts.sum()), counts[own_class]
    growth = n_own / np.maximum(n_own - 1, 1)
    tiny = max(n, len(whitening)) * _EPS

    difference = np.subtract(X, means[own_class], dtype=np.float64)
    lost = (
        np.einsum("ij,ij->i", difference, difference) * growth / (n * (n_varying or means.shape[1]))
    )
    # The columns of W have the length of an eigenvalue to the power -1/2.
    inverse_eigenvalues = np.einsum("ij,ij->j", whitening, whitening)
    weights = 1.0 / np.maximum(1.0 - shrinkage * np.outer(lost, inverse_eigenvalues), tiny)

    white = difference @ whitening
    weighted = weights * white
    squared = np.einsum("ij,ij->i", weighted, white)
    a = np.where(n_own > 1, (1.0 - shrinkage) * growth / n, 0.0)
    # Negative by rounding only; 0 where no other row has a part along this one.
    remaining = np.maximum(1.0 - a * squared, tiny)
    moved = 0.0 if at is None else np.subtract(at, X, dtype=np.float64) @ whitening

    def squares(other: NDArray[np.float64]) -> NDArray[np.float64]:
        direct = np.einsum("ij,ij,ij->i", weights, other, other)
        return direct + a / remaining * np.einsum("ij,ij->i", weighted, other) ** 2

    squared_distances = np.empty((len(white), len(means)))
    centres = (means - means.mean(axis=0)) @ whitening
    for j, centre in enumerate(centres):
        squared_distances[:, j] = squares(white + moved + (centres[own_class] - centre))
    if at is None:
        in_own = growth**2 * squared / remaining
    else:
        in_own = squares(growth[:, np.newaxis] * white + moved)
    squared_distances[np.arange(len(white)), own_class] = np.where(n_own > 1, in_own, np.inf)
    return np.sqrt(squared_distances * ((n - 1) / n))
