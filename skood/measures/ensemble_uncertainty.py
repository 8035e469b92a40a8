"""Uncertainty of several classifiers together, by the class probabilities that each gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, kl_div


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

    It is computed as on the right: the difference on the left loses its digits where members
    nearly agree.

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
    return kl_div(members, members.mean(axis=0)).sum(axis=-1).mean(axis=0)


def _mean(probabilities: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(probabilities, dtype=np.float64).mean(axis=0)
