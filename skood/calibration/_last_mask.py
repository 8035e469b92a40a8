"""The rejected rows of the last call, separately for each thread."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LastMask(threading.local):
    """The mask of the last call in this thread.

    It is not part of the estimator's state, which `predict` must not change. Copies and pickles
    start empty.
    """

    mask: NDArray[np.bool_] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), ())
