"""Positions of the True values in large masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def flat_true(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of the True values in a mask with few: `np.flatnonzero`, several times faster.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures.true_places import flat_true
    >>> flat_true(np.array([0, 0, 1, 0, 0, 0, 1, 0], dtype=bool))
    array([2, 6])
    """
    if mask.size % 8:
        return np.flatnonzero(mask)
    eights = mask.ravel().view(np.uint64)
    words = np.flatnonzero(eights != 0)
    places = np.flatnonzero(eights.take(words).view(np.bool_))
    return words.take(places >> 3) * 8 + (places & 7)
