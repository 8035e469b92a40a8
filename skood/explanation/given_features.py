"""Shares of the features that a detector gets, or of those that these were made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures import ShareFactors
from . import LinearMap, numbered_names


def given_shares(factors: ShareFactors, linear_map: LinearMap | None) -> NDArray[np.float64]:
    """Shares of the detector's features, or of those that these were made of."""
    return factors.shares() if linear_map is None else linear_map.shares(factors)


def given_names(detector: Any, n_features: int, linear_map: LinearMap | None) -> NDArray:
    """Names of the features that the shares are of."""
    if linear_map is None and hasattr(detector, "feature_names_in_"):
        return detector.feature_names_in_
    return numbered_names(n_features)
