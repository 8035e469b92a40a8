"""Checks of the scores and labels of a Display; names and thresholds of detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import last_step, parameter_error

ID, OOD = "ID", "OoD"


def checked_values(display: str, name: str, values: Any) -> NDArray[np.float64]:
    """One-dimensional numbers without NaN, at least one."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not numbers.size or np.isnan(numbers).any():
        raise parameter_error(
            display, name, "one or more numbers in one dimension, not NaN", values
        )
    return numbers


def checked_sets(display: str, name: str, sets: Any) -> dict[str, NDArray[np.float64]]:
    """Values of one or more sets of rows, by the name of the set."""
    if not isinstance(sets, Mapping) or not sets:
        raise parameter_error(display, name, "a dict of names of sets to their values", sets)
    return {str(key): checked_values(display, name, values) for key, values in sets.items()}


def by_label(display: str, y_true: Any, values: NDArray) -> dict[str, NDArray]:
    """Values of the rows labelled +1 and of the rows labelled -1, without an empty kind."""
    labels = np.asarray(y_true)
    numbers = labels.shape == (len(values),) and labels.dtype.kind in "iufO"
    if not numbers or not np.isin(labels, (-1, 1)).all():
        allowed = f"{len(values)} labels, +1 for in-distribution and -1 for OoD rows"
        raise parameter_error(display, "y_true", allowed, y_true)
    parts = {ID: values[labels == 1], OOD: values[labels == -1]}
    return {name: part for name, part in parts.items() if len(part)}


def threshold_of(estimator: Any) -> float | None:
    """The score below which an estimator flags a row, if it has `offset_`."""
    offset = getattr(last_step(estimator), "offset_", None)
    return None if offset is None else float(offset)


def name_of(estimator: Any) -> str:
    """The name of the detector's class."""
    return type(last_step(estimator)).__name__
