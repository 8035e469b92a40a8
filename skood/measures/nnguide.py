"""Confidence of a classifier, guided by the confident training rows in the same direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def nnguide_score(confidences: ArrayLike, guidances: ArrayLike) -> NDArray[np.float64]:
    r"""Confidence times the mean guidance of the nearest training rows.

    .. math:: S(x)\, G(x), \qquad
        G(x) = \frac1k \sum_{i \in \mathrm{kNN}} s_i \cos(z_i, z)

    Parameters
    ----------
    confidences : array-like of shape (m,)
        The classifier's confidence S in each row, such as the energy of its logits.
    guidances : array-like of shape (m, k)
        The k largest products :math:`s_i \cos(z_i, z)` of a training row's confidence and the
        cosine of the angle between both features.

    Returns
    -------
    ndarray of shape (m,)
        Higher = more in-distribution.

    References
    ----------
    Park, Jung and Teoh (2023), Nearest neighbor guidance for out-of-distribution detection,
    the guidance term G and the score S(x) G(x) of its method section.

    Examples
    --------
    >>> from skood.measures import nnguide_score
    >>> nnguide_score([2.0], [[3.0, 1.0]])
    array([4.])
    """
    guidances = np.asarray(guidances, dtype=np.float64)
    return np.asarray(confidences, dtype=np.float64) * guidances.mean(axis=1)
