"""Uncertainty of several classifiers together, from the class probabilities of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, xlog1py

_SMALL = 1e-3  # below it the series of four terms is exact to 1e-13


def max_mean_probability(probabilities: ArrayLike) -> NDArray[np.float64]:
    r"""Largest class probability of the mean over the members.

    .. math:: \max_c \bar p_c, \qquad \bar p_c = \frac1M \sum_m p_m(c \mid x)

    Parameters
    ----------
    probabilities : array-like of shape (n_members, n_samples, n_classes)
        The class probabilities of each member.

    Returns
    -------
    ndarray of shape (n_samples,)
        In [1 / n_classes, 1]; larger = more confident.

    References
    ----------
    Lakshminarayanan et al. (2017), Simple and scalable predictive uncertainty estimation using
    deep ensembles, section 2.4.

    Examples
    --------
    >>> from skood.measures import max_mean_probability
    >>> max_mean_probability([[[1.0, 0.0]], [[0.5, 0.5]]])
    array([0.75])
    """
    return _mean(probabilities).max(axis=-1)


def predictive_entropy(probabilities: ArrayLike) -> NDArray[np.float64]:
    r"""Entropy of the mean over the members, :math:`-\sum_c \bar p_c \log \bar p_c`.

    Parameters
    ----------
    probabilities : array-like of shape (n_members, n_samples, n_classes)
        The class probabilities of each member.

    Returns
    -------
    ndarray of shape (n_samples,)
        In nats, from 0 to log(n_classes); larger = less certain.

    References
    ----------
    Lakshminarayanan et al. (2017), Simple and scalable predictive uncertainty estimation using
    deep ensembles, section 3.5.

    Examples
    --------
    >>> from skood.measures import predictive_entropy
    >>> predictive_entropy([[[1.0, 0.0]], [[0.0, 1.0]]]).round(3)  # log 2
    array([0.693])
    """
    return entr(_mean(probabilities)).sum(axis=-1)


def mutual_information(probabilities: ArrayLike) -> NDArray[np.float64]:
    r"""Mutual information of the class and the member: how far the members disagree.

    .. math:: H(\bar p) - \frac1M \sum_m H(p_m) = \frac1M \sum_m \mathrm{KL}(p_m \,\|\, \bar p)

    It is computed by the relative deviations :math:`u = p_m / \bar p - 1`, as the mean over the
    members of :math:`\sum_c \bar p_c\, ((1 + u_c) \log(1 + u_c) - u_c)`, whose terms are not
    negative: differences of entropies lose all digits where members nearly agree.

    Parameters
    ----------
    probabilities : array-like of shape (n_members, n_samples, n_classes)
        The class probabilities of each member.

    Returns
    -------
    ndarray of shape (n_samples,)
        In nats, 0 where all members agree; larger = less agreed.

    References
    ----------
    Houlsby et al. (2011), Bayesian active learning for classification and preference learning,
    equation 2.

    Examples
    --------
    >>> from skood.measures import mutual_information
    >>> members = [[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]
    >>> mutual_information(members).round(3)  # opposite views, and agreement on not knowing
    array([0.693, 0.   ])
    """
    members = np.asarray(probabilities, dtype=np.float64)
    mean = members.mean(axis=0)
    # where the mean is 0, so is each member
    deviation = np.divide(members - mean, mean, out=np.zeros_like(members), where=mean > 0)
    return (mean * _excess(deviation)).sum(axis=-1).mean(axis=0)


def _mean(probabilities: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(probabilities, dtype=np.float64).mean(axis=0)


def _excess(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1 + u) log(1 + u) - u, also for small u, where its terms cancel."""
    series = u * u * (1 / 2 - u * (1 / 6 - u * (1 / 12 - u / 20)))
    return np.where(np.abs(u) < _SMALL, series, xlog1py(1.0 + u, u) - u)
