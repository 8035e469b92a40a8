"""Feature space singularity distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .lengths import scaled_lengths


def singularity_distance(features: ArrayLike, singularity: ArrayLike) -> NDArray[np.float64]:
    r"""Euclidean distance of features from the feature space singularity.

    .. math:: \mathrm{FSSD}(x) = \lVert F(x) - F^* \rVert

    The singularity :math:`F^*` is the mean feature of noise inputs. In a trained network features
    of out-of-distribution inputs gather near it: a larger distance is more in-distribution.

    Parameters
    ----------
    features : array-like of shape (m, d)
        Features of m inputs.
    singularity : array-like of shape (d,)
        The singularity, in the unit of the features.

    Returns
    -------
    ndarray of shape (m,)
        In the unit of the features; larger = more in-distribution.

    Raises
    ------
    ValueError
        If `singularity` does not have one value for each feature.

    References
    ----------
    Huang et al. (2020), Feature space singularity for out-of-distribution detection, algorithm 1,
    step 3.

    Examples
    --------
    >>> from skood.measures import singularity_distance
    >>> singularity_distance([[3.0, 4.0], [0.0, 0.0], [6.0, 8.0]], [0.0, 0.0])
    array([ 5.,  0., 10.])
    """
    features, singularity = np.asarray(features), np.asarray(singularity, dtype=np.float64)
    if features.ndim != 2 or singularity.shape != features.shape[1:]:
        raise ValueError(
            "The 'singularity' parameter of singularity_distance must be an array of shape "
            f"({features.shape[-1] if features.ndim else 0},), one value for each column of "
            f"'features'. "
            f"Got an array of shape {singularity.shape} instead."
        )
    return scaled_lengths(features.astype(np.float64) - singularity)
