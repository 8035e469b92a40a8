"""Powers of two as units: dividing a float by one is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def power_of_two(values: ArrayLike, *, of_zero: float = 1.0) -> Any:
    """The power of two above each value from 0 to below 2**1023, and `of_zero` for a value of 0.

    Examples
    --------
    >>> from skood.measures.powers_of_two import power_of_two
    >>> power_of_two([0.0, 3.0, 4.0])
    array([1., 4., 8.])
    """
    values = np.asarray(values)
    return np.where(values > 0, np.ldexp(1.0, np.frexp(values)[1]), of_zero)[()]


def safe_unit(largest: float, exponent: int) -> float:
    """A unit in which the squares of values up to `largest` (above 0) neither overflow nor vanish.

    The unit is 1 where `largest` is from 2**-exponent to 2**exponent, else a power of two.
    """
    unit = float(power_of_two(largest))
    return 1.0 if 2.0**-exponent < unit < 2.0**exponent else unit
