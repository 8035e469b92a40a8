"""The values of the layers added up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def weighed_sum(
    values: NDArray[np.float64], weights: NDArray[np.float64], intercept: float
) -> NDArray[np.float64]:
    """The columns times one weight for each, and a number: ``values @ weights + intercept``.

    Column by column, so that a row is added up the same in any batch, as by a product it is not.
    """
    total = np.full(len(values), intercept)
    for weight, column in zip(weights, values.T, strict=True):
        total += weight * column
    return total
