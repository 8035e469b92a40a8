"""Estimates of class Gaussians, from sums over the rows or from the rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error, working_memory_bytes
from ..measures.row_moments import RowMoments
from ._class_sums import ClassSums
from ._row_scaling import RowScaling
from .class_gaussians import ClassGaussians


class Estimates(NamedTuple):
    """Class Gaussians, and the sums behind them."""

    gaussians: ClassGaussians
    background: ClassGaussians | None
    """Of all rows as one class, if distances are relative to it."""
    moments: list[RowMoments] | None
    """The sums of each class; None where the estimates are not made of sums."""


def is_made_of_sums(covariance: str, n_classes: int, n_features: int) -> bool:
    """Whether the estimate needs only sums, and the sums of all classes fit into the memory."""
    in_memory = 8 * n_classes * n_features * n_features <= working_memory_bytes()
    return covariance != "mincovdet" and in_memory


def check_classes(detector: Any, counts: NDArray[np.intp]) -> None:
    """Raise if `relative` has too few classes; warn if the covariance has no inverse."""
    n_classes = len(counts)
    if detector.relative and n_classes < 2:
        allowed = "False unless y holds class labels of at least 2 classes"
        raise parameter_error(detector, "relative", allowed, detector.relative)
    n, d = int(counts.sum()), detector.n_features_in_
    if detector.covariance in ("empirical", "mincovdet") and n - n_classes < d:
        warnings.warn(
            f"covariance={detector.covariance!r} of {type(detector).__name__} is singular for {n} "
            f"rows of {n_classes} class(es) with {d} features; use 'ledoit_wolf', which is meant "
            "for few rows.",
            UserWarning,
            stacklevel=3,
        )


def estimates_of_sums(detector: Any, moments: Sequence[RowMoments]) -> Estimates:
    """The estimates for the detector's parameters, from the sums of each class."""
    gaussians, background = ClassGaussians.of_moments(moments, detector.covariance), None
    if detector.relative:
        together = reduce(RowMoments.merged, moments)
        how = detector.covariance, gaussians.shrinkage  # one share, or far rows would seem typical
        background = ClassGaussians.of_moments([together], *how)
    return Estimates(gaussians, background, list(moments))


def estimates_of_rows(detector: Any, X: NDArray, codes: NDArray[np.intp]) -> Estimates:
    """The estimates for the detector's parameters; `codes` are the classes of the rows."""
    scaling = RowScaling(detector.normalize, type(detector).__name__)
    if is_made_of_sums(detector.covariance, int(codes.max()) + 1, X.shape[1]):
        return estimates_of_sums(detector, ClassSums().added(X, codes, scaling).moments)
    rows = scaling.scaled(np.asarray(X))
    how = detector.covariance, detector.random_state
    gaussians, background = ClassGaussians.fit(rows, codes, *how), None
    if detector.relative:
        background = ClassGaussians.fit(rows, np.zeros_like(codes), *how, gaussians.shrinkage)
    return Estimates(gaussians, background, None)
