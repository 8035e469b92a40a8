"""Local conditional probability: the distance of a row from its reconstruction by neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .lengths import row_norms


def lcp_distance(
    X: ArrayLike, neighbors: ArrayLike, weights: ArrayLike, *, variance_weight: float = 0.0
) -> NDArray[np.float64]:
    r"""Distance of each row from the weighted mean of its neighbours.

    .. math:: \mathrm{LCP}(x) = \Bigl\| x - \sum_i w_i x_i \Bigr\|

    `variance_weight` :math:`\beta` adds the spread of the neighbours about their weighted mean
    :math:`\hat x` under the root:
    :math:`\sqrt{\|x - \hat x\|^2 + \beta \sum_i w_i \|x_i - \hat x\|^2}`.

    Parameters
    ----------
    X : array-like of shape (m, d)
        The rows.
    neighbors : array-like of shape (m, k, d)
        The neighbours of each row, in the unit of `X`.
    weights : array-like of shape (m, k)
        The weights of the neighbours; each row sums to 1 (see `perplexity_weights`).
    variance_weight : float, default=0.0
        Share of the neighbours' spread that is added; 0 is the measure of the paper.

    Returns
    -------
    ndarray of shape (m,)
        In the unit of `X`; larger = worse reconstructed.

    References
    ----------
    Ouyang, Echizen and Seo, OOD detection by statistical measures of activation traces, section
    III.B: the reconstruction distance with similarities as weights. The spread is not in the paper.

    Examples
    --------
    >>> from skood.measures import lcp_distance
    >>> lcp_distance([[0.0, 3.0]], [[[-1.0, 0.0], [1.0, 0.0]]], [[0.5, 0.5]])
    array([3.])
    >>> lcp_distance([[0.0, 3.0]], [[[-4.0, 0.0], [4.0, 0.0]]], [[0.5, 0.5]], variance_weight=1.0)
    array([5.])
    """
    X = np.asarray(X)
    weights = np.asarray(weights, dtype=np.float64)
    # The weights sum to 1. Differences first: a row far from the origin keeps all its digits.
    differences = np.subtract(neighbors, X[:, np.newaxis, :], dtype=np.float64)
    offset = np.matmul(weights[:, np.newaxis, :], differences)[:, 0, :]
    if variance_weight == 0:
        return row_norms(offset)
    differences -= offset[:, np.newaxis, :]
    spread = row_norms(differences.reshape(-1, X.shape[1])).reshape(weights.shape)
    spread = np.sqrt(float(variance_weight)) * row_norms(np.sqrt(weights) * spread)
    return np.hypot(row_norms(offset), spread)
