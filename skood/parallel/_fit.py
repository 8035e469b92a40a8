"""Fits over Dask collections."""

from __future__ import annotations

from typing import Any


def fit_over_dask(detector: Any, X: Any, y: Any) -> Any:
    """Fit a detector to a Dask collection."""
    return detector.fit(X, y)
