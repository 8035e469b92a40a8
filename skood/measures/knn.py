"""Distance to the nearest training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

AGGREGATIONS = ("mean", "max")


def knn_distance(distances: ArrayLike, *, aggregation: str = "mean") -> NDArray[np.float64]:
    """Mean or largest distance of each row to its k neighbours.

    Parameters
    ----------
    distances : array-like of shape (m, k)
        Distances of m rows to their k neighbours.
    aggregation : {"mean", "max"}, default="mean"
        The mean over the neighbours, or the distance to the farthest of them.

    Returns
    -------
    ndarray of shape (m,)
        In the unit of `distances`; larger = further from the training rows.

    Raises
    ------
    ValueError
        If `aggregation` is neither "mean" nor "max".

    References
    ----------
    Ramaswamy, Rastogi and Shim (2000), Efficient algorithms for mining outliers from large data
    sets, definition 2.1 ("max"). Angiulli and Pizzuti (2002), Fast outlier detection in high
    dimensional spaces, definition 1 (the sum, k times "mean").

    Examples
    --------
    >>> from skood.measures import knn_distance
    >>> knn_distance([[1.0, 3.0], [0.0, 5.0]])
    array([2. , 2.5])
    >>> knn_distance([[1.0, 3.0], [0.0, 5.0]], aggregation="max")
    array([3., 5.])
    """
    distances = np.asarray(distances, dtype=np.float64)
    if aggregation not in AGGREGATIONS:
        raise ValueError(
            f"The 'aggregation' parameter of knn_distance must be one of {AGGREGATIONS}. "
            f"Got {aggregation!r} instead."
        )
    if aggregation == "max":
        return distances.max(axis=1)
    # divided before the sum: the mean of huge distances is finite where their sum is not
    return (distances / distances.shape[1]).sum(axis=1)
