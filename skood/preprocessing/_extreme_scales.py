"""Means and spreads of columns whose squares leave the range of float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_array

from ..measures.powers_of_two import power_of_two

_EXPONENT = 490  # from 2**-490 to 2**490 the sums of squares of 10**8 rows stay in the range
_LARGEST = 2.0**1023


def standardise_in_units(scaler: StandardScaler, X: Any, sample_weight: Any) -> None:
    """Correct the means and spreads of a scaler fitted to X: extreme columns have their own unit.

    A unit is a power of two, so that no digit is lost. The variance of such a column may still be
    infinite or 0 as a float64.
    """
    if issparse(X) or not (scaler.with_mean or scaler.with_std):
        return
    units = _units(X)
    if (units == 1.0).all():
        return
    inner = StandardScaler(with_mean=scaler.with_mean, with_std=scaler.with_std)
    inner.fit(_values(X) / units, sample_weight=sample_weight)
    scaler.mean_ = inner.mean_ * units
    if inner.scale_ is not None:
        with np.errstate(over="ignore", under="ignore"):
            scaler.scale_, scaler.var_ = inner.scale_ * units, inner.var_ * units * units


def refuse_extremes(scaler: StandardScaler, X: Any) -> None:
    """Raise if the sums of squares that a scaler keeps cannot take in more rows."""
    scales = [] if scaler.scale_ is None else [scaler.scale_[np.newaxis]]
    for values in () if issparse(X) else (X, *scales):
        if (_units(values) != 1.0).any():
            raise ValueError(
                "X has a column with values beyond 1e147, or with none beyond 1e-147: fit all rows "
                "at once, or divide this column, since its squares cannot be summed."
            )


def bounded(scaled: Any) -> Any:
    """Scaled values, with the largest float in place of infinity."""
    if issparse(scaled):
        return scaled
    most = np.finfo(scaled.dtype).max
    return np.clip(scaled, -most, most, out=scaled)


def _values(X: Any) -> Any:
    return check_array(X, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan")


def _units(X: Any) -> Any:
    values = _values(X)
    known = np.where(np.isnan(values), 0.0, values)
    low, high = known.min(axis=0), known.max(axis=0)
    with np.errstate(over="ignore"):
        units = np.minimum(power_of_two(np.maximum(np.abs(low), np.abs(high))), _LARGEST)
    return np.where((units > 2.0**-_EXPONENT) & (units < 2.0**_EXPONENT), 1.0, units)
