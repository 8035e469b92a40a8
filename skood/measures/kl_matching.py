"""Divergence of a classifier's probabilities from the templates of its classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

_SMALLEST = float(np.finfo(np.float64).tiny)  # of a template: logarithms stay finite


def kl_matching_distance(probabilities: ArrayLike, templates: ArrayLike) -> NDArray[np.float64]:
    r"""Kullback-Leibler divergence of each row of probabilities from the nearest template.

    .. math:: \min_k \sum_c p_c \log \frac{p_c}{d_{kc}}

    Parameters
    ----------
    probabilities : array-like of shape (m, n_classes)
        The class probabilities p of the rows.
    templates : array-like of shape (n_templates, n_classes)
        The templates :math:`d_k`: the mean probabilities of rows that are predicted to be of one
        class.

    Returns
    -------
    ndarray of shape (m,)
        In nats, from 0; larger = less like the predictions of any class.

    References
    ----------
    Hendrycks et al. (2022), Scaling out-of-distribution detection for real-world settings: KL
    matching.

    Examples
    --------
    >>> from skood.measures import kl_matching_distance
    >>> kl_matching_distance([[1.0, 0.0]], [[0.5, 0.5], [0.25, 0.75]]).round(4)  # log 2
    array([0.6931])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    d = np.maximum(np.asarray(templates, dtype=np.float64), _SMALLEST)
    crossed = -(p @ np.log(d).T).max(axis=1)
    return np.maximum(crossed - entr(p).sum(axis=1), 0.0)
