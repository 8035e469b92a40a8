"""Keeps what the last call found, for each thread on its own."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LastMask(threading.local):
    """The mask of the last call in this thread.

    A place of its own, since `predict` must leave the estimator as it is. Copies and pickles start
    empty: they have not been called.
    """

    mask: NDArray[np.bool_] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), ())
