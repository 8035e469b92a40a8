"""Shares and names of a detector's features, or of the features before a linear map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.shares import ShareFactors
from ._explanation import numbered_names
from ._linear_map import LinearMap


def given_shares(factors: ShareFactors, linear_map: LinearMap | None) -> NDArray[np.float64]:
    """Shares of the detector's features, or of the features before the linear map."""
    return factors.shares() if linear_map is None else linear_map.shares(factors)


def given_rows(rows: NDArray[Any], linear_map: LinearMap | None) -> NDArray[Any]:
    """Rows of the features with shares."""
    return rows if linear_map is None else linear_map.rows(rows)


def given_names(detector: Any, n_features: int, linear_map: LinearMap | None) -> NDArray[Any]:
    """Names of the features with shares."""
    if linear_map is None and hasattr(detector, "feature_names_in_"):
        return detector.feature_names_in_
    return numbered_names(n_features)
