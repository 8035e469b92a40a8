"""Explanations of Mahalanobis distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..explanation import LinearMap
from ..explanation.given_features import given_shares
from ..measures.shares import ShareFactors
from .class_gaussians import ClassGaussians

_LARGEST = float(np.finfo(np.float64).max)


def explain_by_gaussians(
    gaussians: ClassGaussians,
    background: ClassGaussians | None,
    rows: NDArray[np.float64],
    own_class: NDArray[np.intp],
    linear_map: LinearMap | None,
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Shares in the distance from the nearest class, and the position of that class.

    With a background, shares in the difference of the squared distances.
    """
    distances = gaussians.distances(rows, own_class)
    nearest = distances.argmin(axis=1)
    factors = gaussians.share_factors(rows, own_class, nearest)
    if background is None:
        return given_shares(factors, linear_map), nearest
    in_background = np.minimum(own_class, 0)  # its only class is 0
    overall = background.distances(rows, in_background)[:, 0]
    others = background.share_factors(rows, in_background, np.zeros_like(nearest))
    # The shares in a squared distance are the distance times the shares in it.
    with np.errstate(over="ignore", invalid="ignore"):
        squared = factors.times(distances.min(axis=1)), others.times(-overall)
        both = ShareFactors(*(np.concatenate(pair, axis=1) for pair in zip(*squared, strict=True)))
        shares = given_shares(both, linear_map)
    # Like the score: clipped to the largest float where squares overflow.
    most = _LARGEST / shares.shape[1]
    return np.nan_to_num(shares, nan=0.0, posinf=most, neginf=-most), nearest
