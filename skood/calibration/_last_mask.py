"""The rejected rows of the last call, for each thread on its own."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LastMask(threading.local):
    """The mask of the last call in this thread.

    It lies outside the estimator's state, which `predict` must not change. Copies and pickles start
    empty: nothing has called them.
    """

    mask: NDArray[np.bool_] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), ())
