"""The answer of an index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Neighbors(NamedTuple):
    """The nearest training rows of each query row, nearest first.

    Examples
    --------
    >>> from skood.neighbors import ExactIndex
    >>> neighbors = ExactIndex().fit([[0.0], [1.0], [5.0]]).query([[0.4]], k=2)
    >>> neighbors.indices
    array([[0, 1]])
    >>> neighbors.distances
    array([[0.4, 0.6]])
    """

    indices: NDArray[np.intp]
    """(m, k): positions of training rows. Rows at equal distance are in the order of training."""
    distances: NDArray[np.float64]
    """(m, k): true distances in the metric of the index, ascending."""
