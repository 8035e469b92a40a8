"""The label of rejected rows, and predictions of a type that can hold it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error

_NUMBERS = "biuf"


def find_reject_label(owner: object, classes: NDArray, given: Any) -> Any:
    """The given label, which must not be a class; by default -1 or "OoD"."""
    if given is None:
        given = _default_label(classes)
    if np.ndim(given) or given in classes.tolist():
        raise parameter_error(
            owner, "reject_label", f"a label that is none of the classes {classes.tolist()}", given
        )
    return given


def _default_label(classes: NDArray) -> Any:
    if classes.dtype.kind not in _NUMBERS:
        return "OoD"
    return -1 if -1 not in classes else int(np.floor(classes.min())) - 1


def filled_with(label: Any, n: int, classes: NDArray) -> NDArray:
    """An array of n times the label, of a type that can hold the classes too."""
    label_type = np.asarray(label).dtype
    kinds = {"number" if t.kind in _NUMBERS else t.kind for t in (label_type, classes.dtype)}
    dtype = np.result_type(label_type, classes.dtype) if len(kinds) == 1 else np.dtype(object)
    filled = np.empty(n, dtype=dtype)
    filled[:] = label
    return filled
