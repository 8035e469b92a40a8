"""Nearness of a feature to the weights of its predicted class, and its length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .lengths import row_norms


def class_proximity(differences: ArrayLike, class_weights: ArrayLike) -> NDArray[np.float64]:
    r"""Length of the weights of the predicted class along the direction of a feature.

    .. math:: \frac{(z - \mu)^\top w_f}{\|z - \mu\|}

    Where networks collapse, the features of a class lie along its weights. A feature at the mean
    has no direction: its proximity is 0.

    Parameters
    ----------
    differences : array-like of shape (m, d)
        The features z, less the mean :math:`\mu` of the training features.
    class_weights : array-like of shape (m, d)
        The weights :math:`w_f` of the class that each feature is predicted to be.

    Returns
    -------
    ndarray of shape (m,)
        In the unit of the weights, at most their length; higher = nearer.

    References
    ----------
    Liu and Qin (2025), Detecting out-of-distribution through the lens of neural collapse: pScore.

    Examples
    --------
    >>> from skood.measures import class_proximity
    >>> class_proximity([[3.0, 4.0]], [[2.0, 0.0]])
    array([1.2])
    """
    differences = np.asarray(differences, dtype=np.float64)
    lengths = row_norms(differences)[:, np.newaxis]
    directions = np.divide(differences, lengths, out=np.zeros_like(differences), where=lengths > 0)
    return np.einsum("ij,ij->i", directions, np.asarray(class_weights, dtype=np.float64))
