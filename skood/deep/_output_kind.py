"""Logits or probabilities: the outputs of a classifier are told apart, since scores hang on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_option, parameter_error

OUTPUTS = ("logits", "probabilities")

_ROUNDING = 1e-3  # of a sum of many probabilities of half precision


def check_outputs_parameter(owner: Any) -> None:
    """Raise unless the parameter `outputs` of an estimator is valid."""
    check_option(owner, "outputs", owner.outputs, OUTPUTS)


def check_logits(owner: Any, outputs: NDArray[np.float64]) -> None:
    """Raise if all rows are probabilities.

    One row of logits may be so by chance, so a single one passes.

    Parameters
    ----------
    owner : estimator
        Errors name it, and its parameter `outputs` if it has one.
    outputs : ndarray of shape (..., n_samples, n_classes)
        What is said to be logits.

    Raises
    ------
    ValueError
        If there are two rows or more and all are probabilities.
    """
    if outputs[..., 0].size < 2 or not _are_probabilities(outputs).all():
        return
    rows = "rows that are non-negative and sum to 1"
    if hasattr(owner, "outputs"):
        raise parameter_error(owner, "outputs", f"'probabilities' for {rows}", "logits")
    raise ValueError(
        f"{type(owner).__name__} must be given logits, which the softmax is taken of. "
        f"Got probabilities ({rows}) instead."
    )


def check_no_log_probabilities(owner: Any, outputs: NDArray[np.float64]) -> None:
    """Raise if the exponentials of all rows are probabilities, as behind a log-softmax."""
    if (outputs <= 0).all() and len(outputs) > 1 and _are_probabilities(np.exp(outputs)).all():
        raise ValueError(
            f"{type(owner).__name__} must be given logits, which the softmax is taken of. "
            "Got logarithms of probabilities (their exponentials sum to 1) instead."
        )


def check_probabilities(owner: Any, outputs: NDArray[np.float64]) -> None:
    """Raise if a row is no row of probabilities.

    Parameters
    ----------
    owner : estimator
        With a parameter `outputs`, which the error names.
    outputs : ndarray of shape (..., n_samples, n_classes)
        What is said to be probabilities.

    Raises
    ------
    ValueError
        If a row has negative numbers, or its sum is not 1.
    """
    n_others = int(np.sum(~_are_probabilities(outputs)))
    if n_others:
        allowed = f"'logits' for rows that are not non-negative with the sum 1, as {n_others} are"
        raise parameter_error(owner, "outputs", allowed, "probabilities")


def _are_probabilities(outputs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row is non-negative and sums to 1."""
    positive = outputs.min(axis=-1) >= 0
    with np.errstate(over="ignore", invalid="ignore"):  # of logits near the largest float
        return positive & (np.abs(outputs.sum(axis=-1) - 1.0) <= _ROUNDING)
