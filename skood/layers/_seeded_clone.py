"""A clone whose result depends only on a seed."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sklearn.base import clone


def seeded_clone(estimator: Any, random_state: Any) -> Any:
    """A clone; an int replaces a random state of None in it and in its parts.

    So an ensemble with a seed gives the same result each time, and its detectors draw the same rows
    for their threshold as the ensemble, so these are scored once.
    """
    copied = clone(estimator)
    if isinstance(random_state, Integral) and hasattr(copied, "get_params"):
        seeds = {
            name: random_state
            for name, value in copied.get_params().items()
            if value is None and name.rpartition("__")[2] == "random_state"
        }
        copied.set_params(**seeds)
    return copied
