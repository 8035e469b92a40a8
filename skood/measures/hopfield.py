"""Simplified Hopfield energy: the inner product with the pattern stored for a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def simplified_hopfield_energy(
    X: ArrayLike,
    patterns: ArrayLike,
    predicted: ArrayLike,
    left_out_of: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Inner product of each row with the pattern of the class that it is predicted to be.

    .. math:: \mathrm{SHE}(z) = z^\top S_c

    where the pattern :math:`S_c` is the mean feature of the correctly classified training rows of
    class c. A row that is one of the n rows of that mean is left out of it:
    :math:`(n\, z^\top S_c - z^\top z) / (n - 1)`.

    Parameters
    ----------
    X : array-like of shape (m, d)
        The rows.
    patterns : array-like of shape (n_classes, d)
        The patterns.
    predicted : array-like of int of shape (m,)
        The predicted class of each row, as its position in `patterns`.
    left_out_of : array-like of int of shape (m,), optional
        For a row in the pattern of its predicted class, the number of rows in that pattern; 0 for
        all other rows. The only row of a pattern (1) is not left out: no pattern would remain.

    Returns
    -------
    ndarray of shape (m,)
        Higher = more in-distribution.

    References
    ----------
    Zhang et al. (2023), Out-of-distribution detection based on in-distribution data patterns
    memorization with modern Hopfield energy: SHE, its simplified energy of one pattern a class.

    Examples
    --------
    >>> from skood.measures import simplified_hopfield_energy
    >>> simplified_hopfield_energy([[2.0, 1.0]], [[1.0, 0.0], [0.0, 3.0]], [1])
    array([3.])
    >>> simplified_hopfield_energy([[2.0]], [[3.0]], [0], left_out_of=[2])  # the other one is 4
    array([8.])
    """
    X = np.asarray(X, dtype=np.float64)
    chosen = np.asarray(patterns, dtype=np.float64)[np.asarray(predicted)]
    products = np.einsum("ij,ij->i", X, chosen)
    if left_out_of is None:
        return products
    n = np.asarray(left_out_of, dtype=np.float64)
    in_pattern = n > 1
    others = products + (products - np.einsum("ij,ij->i", X, X)) / np.where(in_pattern, n - 1, 1.0)
    return np.where(in_pattern, others, products)
