"""Distance to the decision boundaries of a linear classifier, relative to that from the mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist, squareform


def class_weight_distances(weight: ArrayLike) -> NDArray[np.float64]:
    """Distance between the weights of each pair of classes, (n_classes, n_classes).

    Parameters
    ----------
    weight : array-like of shape (n_classes, d)
        The weights of the linear classifier.

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
        A gap between two logits, divided by this, is a distance to the boundary between them.

    Examples
    --------
    >>> from skood.measures import class_weight_distances
    >>> class_weight_distances([[3.0, 0.0], [0.0, 4.0]])
    array([[0., 5.],
           [5., 0.]])
    """
    return squareform(pdist(np.asarray(weight, dtype=np.float64)))


def fdbd_score(
    logits: ArrayLike, weight_distances: ArrayLike, mean_distances: ArrayLike
) -> NDArray[np.float64]:
    r"""Mean distance to the decision boundaries, divided by the distance from the mean.

    .. math:: \frac{1}{C - 1} \sum_{c \ne f} \frac{|l_f - l_c|}{\|w_f - w_c\|}
        \Big/ \|z - \mu\|

    with f the class of the largest logit of z. Two classes with equal weights have no boundary
    between them and add 0.

    Parameters
    ----------
    logits : array-like of shape (m, n_classes)
        The logits of the rows, of two classes or more.
    weight_distances : array-like of shape (n_classes, n_classes)
        The result of `class_weight_distances` for the classifier's weights.
    mean_distances : array-like of shape (m,)
        Distance of each row from the mean of the training rows, above 0.

    Returns
    -------
    ndarray of shape (m,)
        A ratio of distances, without a unit. Higher = further from the boundaries = more
        in-distribution.

    References
    ----------
    Liu and Qin (2024), Fast decision boundary based out-of-distribution detector: the closed form
    of the distance to a boundary, and the score fDBD, its mean over the other classes, regularised
    by the distance from the mean of the training features.

    Examples
    --------
    >>> from skood.measures import class_weight_distances, fdbd_score
    >>> fdbd_score([[10.0, 0.0]], class_weight_distances([[3.0, 0.0], [0.0, 4.0]]), [4.0])
    array([0.5])
    """
    logits = np.asarray(logits, dtype=np.float64)
    n_classes = logits.shape[1]
    largest = logits.argmax(axis=1)
    gaps = logits[np.arange(len(logits)), largest][:, np.newaxis] - logits
    apart = np.asarray(weight_distances, dtype=np.float64)[largest]
    distances = np.divide(gaps, apart, out=np.zeros_like(gaps), where=apart > 0)
    return distances.sum(axis=1) / (n_classes - 1) / np.asarray(mean_distances, dtype=np.float64)
