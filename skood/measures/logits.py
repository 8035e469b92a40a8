"""Confidence of a classifier by its logits: softmax probability, largest logit, free energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def max_softmax(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    r"""Largest softmax probability of each row of logits.

    .. math:: \max_c \frac{e^{z_c / T}}{\sum_j e^{z_j / T}}

    Parameters
    ----------
    logits : array-like of shape (..., n_classes)
        The logits z.
    temperature : float, default=1.0
        The temperature T, above 0: larger = probabilities nearer to each other.

    Returns
    -------
    ndarray of shape (...)
        In [1 / n_classes, 1]; larger = more confident. A largest logit of more than 37 temperatures
        above the others gives exactly 1.

    References
    ----------
    Hendrycks & Gimpel (2017), A baseline for detecting misclassified and out-of-distribution
    examples in neural networks, section 2. With a temperature: Liang et al. (2018), Enhancing the
    reliability of out-of-distribution image detection in neural networks, equation 1.

    Examples
    --------
    >>> from skood.measures import max_softmax
    >>> max_softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([0.5, 1. ])
    """
    _, rest = _largest_and_rest(logits, temperature)
    return 1.0 / rest


def max_logit(logits: ArrayLike) -> NDArray[np.float64]:
    """Largest logit of each row.

    Parameters
    ----------
    logits : array-like of shape (..., n_classes)
        The logits.

    Returns
    -------
    ndarray of shape (...)
        Larger = more confident.

    References
    ----------
    Hendrycks et al. (2022), Scaling out-of-distribution detection for real-world settings,
    section 3.

    Examples
    --------
    >>> from skood.measures import max_logit
    >>> max_logit([[0.5, -2.0], [1.0, 3.0]])
    array([0.5, 3. ])
    """
    return np.max(np.asarray(logits), axis=-1).astype(np.float64)


def energy(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    r"""Free energy of each row of logits.

    .. math:: E(x; T) = -T \log \sum_c e^{z_c / T}

    Parameters
    ----------
    logits : array-like of shape (..., n_classes)
        The logits z.
    temperature : float, default=1.0
        The temperature T, above 0. As it falls to 0, the energy goes to minus the largest logit.

    Returns
    -------
    ndarray of shape (...)
        Lower = more confident.

    References
    ----------
    Liu et al. (2020), Energy-based out-of-distribution detection, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures import energy
    >>> np.exp(-energy(np.log([[1.0, 3.0], [2.0, 6.0]]))).round(9)
    array([4., 8.])
    >>> energy([[1e6, 0.0]])
    array([-1000000.])
    """
    largest, rest = _largest_and_rest(logits, temperature)
    return -(largest + temperature * np.log(rest))


def _largest_and_rest(
    logits: ArrayLike, temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The largest logit of each row, and the sum of exp(logit - largest) over all logits."""
    values = np.asarray(logits)
    largest = values.max(axis=-1, keepdims=True).astype(np.float64)
    # A difference beyond the largest float is a probability of 0 as well.
    with np.errstate(over="ignore"):
        difference = np.subtract(values, largest, dtype=np.float64)
        difference /= temperature
    return largest[..., 0], np.exp(difference, out=difference).sum(axis=-1)
