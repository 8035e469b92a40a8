"""Virtual-logit matching: the part of a feature outside the principal space, as one more logit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .logits import energy


def residual_norm(X: ArrayLike, origin: ArrayLike, complement: ArrayLike) -> NDArray[np.float64]:
    r"""Length of the part of a row outside the principal space.

    .. math:: \|x^{P^\perp}\| = \|R^\top (x - o)\|

    Parameters
    ----------
    X : array-like of shape (m, d)
        The rows.
    origin : array-like of shape (d,)
        A point o of the principal space.
    complement : array-like of shape (d, r)
        R, whose columns are an orthonormal basis of all directions outside the space.

    Returns
    -------
    ndarray of shape (m,)
        In the unit of X; larger = further from the space.

    References
    ----------
    Wang et al. (2022), ViM: out-of-distribution with virtual-logit matching, equation 4.

    Examples
    --------
    >>> from skood.measures import residual_norm
    >>> residual_norm([[7.0, 3.0, 4.0]], [0.0, 0.0, 0.0], [[0, 0], [1, 0], [0, 1]])
    array([5.])
    """
    beside = np.subtract(X, origin, dtype=np.float64) @ np.asarray(complement, dtype=np.float64)
    return np.linalg.norm(beside, axis=1)


def vim_score(logits: ArrayLike, residuals: ArrayLike, scale: float) -> NDArray[np.float64]:
    r"""Energy of the logits minus the virtual logit.

    .. math:: \ln \sum_c e^{l_c} - \alpha \|x^{P^\perp}\|

    The paper's score is the softmax probability p of the virtual logit :math:`\alpha
    \|x^{P^\perp}\|` among all logits. This score is :math:`\ln((1 - p) / p)`. It has the opposite
    order, and differs between rows whose probability rounds to 0 or 1.

    Parameters
    ----------
    logits : array-like of shape (m, n_classes)
        The logits of the rows.
    residuals : array-like of shape (m,)
        The result of `residual_norm` for the rows.
    scale : float
        The factor :math:`\alpha` that turns a residual into a logit.

    Returns
    -------
    ndarray of shape (m,)
        Higher = more in-distribution.

    References
    ----------
    Wang et al. (2022), ViM: out-of-distribution with virtual-logit matching, section 4:
    the ViM score.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures import vim_score
    >>> vim_score([[np.log(3.0), 0.0]], [0.0], 2.0).round(4)  # ln(3 + 1)
    array([1.3863])
    """
    return -energy(logits) - scale * np.asarray(residuals, dtype=np.float64)
