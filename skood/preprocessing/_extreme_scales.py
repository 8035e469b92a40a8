"""Means and spreads of columns whose squares leave the range of float64."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_array

from ..measures.powers_of_two import power_of_two

_EXPONENT = 490  # from 2**-490 to 2**490 the sums of squares of 10**8 rows stay in the range
_LARGEST = 2.0**1023
_EPS = np.finfo(np.float64).eps


class Learned(NamedTuple):
    """The number of rows, in all or in each column, and the means and spreads of the columns."""

    n_rows: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviations: NDArray[np.float64] | None


def standardise_in_units(
    scaler: StandardScaler, X: Any, sample_weight: Any, before: Learned | None = None
) -> None:
    """Correct the means and spreads of a scaler fitted to X: extreme columns have their own unit.

    A unit is a power of two, so that no digit is lost. The variance of such a column may still be
    infinite or 0 as a float64. `before` has the means and spreads of earlier rows.
    """
    if issparse(X) or not (scaler.with_mean or scaler.with_std):
        return
    if before is not None:
        _merge_in_units(scaler, before, X, sample_weight)
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


def learned(scaler: StandardScaler) -> Learned | None:
    """The means and spreads of a scaler so far; None if it has none."""
    if getattr(scaler, "mean_", None) is None:
        return None
    scale, var = scaler.scale_, scaler.var_
    deviations = None if scale is None else np.where((var == 0) & (scale == 1.0), 0.0, scale)
    n_rows = np.asarray(scaler.n_samples_seen_, dtype=np.float64)
    return Learned(n_rows, scaler.mean_, deviations)


def _merge_in_units(scaler: StandardScaler, before: Learned, X: Any, sample_weight: Any) -> None:
    """Correct the columns that are extreme in X or were before: weighted means of both."""
    spread = np.zeros_like(before.mean) if before.deviations is None else before.deviations
    units = np.maximum(_units(X), _units(np.vstack([before.mean, spread])))
    odd = (_units(X) != 1.0) | (_units(spread[np.newaxis]) != 1.0)
    if not odd.any():
        return
    inner = StandardScaler(with_mean=scaler.with_mean, with_std=scaler.with_std)
    inner.fit(_values(X) / units, sample_weight=sample_weight)
    new = learned(inner)
    assert new is not None  # noqa: S101
    n = before.n_rows + new.n_rows
    first, second = before.mean / units, new.mean
    mean = first + (second - first) * (new.n_rows / n)
    scaler.mean_ = np.where(odd, mean * units, scaler.mean_)
    if before.deviations is None or new.deviations is None:
        return
    squares = before.n_rows * (spread / units) ** 2 + new.n_rows * new.deviations**2
    var = squares / n + (second - first) ** 2 * (before.n_rows / n) * (new.n_rows / n)
    same = var <= n * _EPS * var + (n * mean * _EPS) ** 2  # as scikit-learn finds constant columns
    with np.errstate(over="ignore", under="ignore"):
        scale = np.where(same, 1.0, np.sqrt(var) * units)
        scaler.scale_ = np.where(odd, scale, scaler.scale_)
        scaler.var_ = np.where(odd, var * units * units, scaler.var_)


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
