"""Checks whether the outputs of a classifier are logits or probabilities, as a score needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_option, parameter_error

OUTPUTS = ("logits", "probabilities")

_ROUNDING = 1e-3  # in a sum of many probabilities in half precision


def check_outputs_parameter(owner: Any) -> None:
    """Raise unless the parameter `outputs` of an estimator is valid."""
    check_option(owner, "outputs", owner.outputs, OUTPUTS)


def check_two_classes(owner: Any, X: NDArray[Any]) -> None:
    """Raise unless an array of outputs has columns of two classes or more."""
    if X.shape[1] < 2:
        values = "logits" if getattr(owner, "outputs", "logits") == "logits" else "probabilities"
        # a scorer of either arrays or a module's inputs
        place = " with module=None" if hasattr(owner, "module") else ""
        raise ValueError(
            f"X must have 2 or more columns of {values}, one for each class, for "
            f"{type(owner).__name__}{place}. Got 1 feature(s) instead."
        )


def check_logits(owner: Any, outputs: NDArray[np.float64]) -> None:
    """Raise if there are two rows or more and all are probabilities.

    One row of logits may look like probabilities by chance, so a single row passes.
    """
    if outputs[..., 0].size < 2 or not _are_probabilities(outputs).all():
        return
    rows = "rows that are non-negative and sum to 1"
    if hasattr(owner, "outputs"):
        raise parameter_error(owner, "outputs", f"'probabilities' for {rows}", "logits")
    raise ValueError(
        f"{type(owner).__name__} must get logits, to which it applies the softmax. "
        f"Got probabilities ({rows}) instead."
    )


def check_no_log_probabilities(owner: Any, outputs: NDArray[np.float64]) -> None:
    """Raise if the exponentials of all rows are probabilities, as after a log-softmax."""
    if (outputs <= 0).all() and len(outputs) > 1 and _are_probabilities(np.exp(outputs)).all():
        raise ValueError(
            f"{type(owner).__name__} must get logits, to which it applies the softmax. "
            "Got logarithms of probabilities (their exponentials sum to 1) instead."
        )


def check_probabilities(owner: Any, outputs: NDArray[np.float64]) -> None:
    """Raise if a row does not hold probabilities."""
    is_other = ~_are_probabilities(outputs)
    if is_other.any():
        count = f"{is_other.sum()} of {is_other.size}"
        allowed = f"'logits' for rows with a negative number or a sum other than 1 ({count} rows)"
        raise parameter_error(owner, "outputs", allowed, "probabilities")


def _are_probabilities(outputs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row is non-negative and sums to 1."""
    positive = outputs.min(axis=-1) >= 0
    with np.errstate(over="ignore", invalid="ignore"):  # logits may be near the largest float
        return positive & (np.abs(outputs.sum(axis=-1) - 1.0) <= _ROUNDING)
