"""Noise inputs, of the shape of the data."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from .._validation import check_int, check_option, parameter_error
from ..measures.blocks import slices
from .inputs import RawInputs

_NOISES = ("uniform", "gaussian")

_Bounds = tuple[Any, Any]  # low and high: numbers, or an array of them for each column
_BLOCK_VALUES = 1 << 20


def check_noise(owner: Any) -> None:
    """Raise unless the owner's `noise`, `noise_range` and `n_noise` are valid."""
    check_option(owner, "noise", owner.noise, _NOISES)
    check_int(owner, "n_noise", owner.n_noise, 1)
    bounds: Any = owner.noise_range
    if isinstance(bounds, str) and bounds == "auto":
        return
    if owner.noise != "uniform":
        raise parameter_error(owner, "noise_range", "'auto' unless noise='uniform'", bounds)
    pair = isinstance(bounds, (tuple, list)) and len(bounds) == 2
    pair = pair and all(isinstance(b, Real) and np.isfinite(float(b)) for b in bounds)
    if not pair or bounds[0] > bounds[1]:
        allowed = "'auto' or two finite numbers (low, high) with low <= high"
        raise parameter_error(owner, "noise_range", allowed, bounds)


def draw_noise(
    inputs: RawInputs, noise: str, noise_range: str | _Bounds, n_noise: int, random_state: Any
) -> RawInputs:
    """Draw samples of noise of the inputs' shape.

    Rows of columns, each with its own unit, have a range (or mean and deviation) for each column.
    Images and other inputs have one for all values. Whole numbers give whole numbers unless the
    range has fractions: pixels may be fractions, tokens are always whole.
    """
    values = inputs.values
    axis = 0 if values.ndim == 2 else None
    generator = check_random_state(random_state)
    bounds = _bounds(values, axis) if isinstance(noise_range, str) else noise_range
    whole = values.dtype.kind in "biu"
    # Drawn column by column, so that a further column leaves the noise in the others as it is.
    size = (inputs.width, n_noise)
    shape = (n_noise, *values.shape[1:])
    if noise == "gaussian":
        mean, deviation = _mean_and_deviation(values, axis)
        drawn = mean + deviation * generator.standard_normal(size).T.reshape(shape)
        if whole:
            drawn = np.clip(np.rint(drawn), *bounds)
    else:
        whole = whole and (noise_range == "auto" or all(isinstance(b, Integral) for b in bounds))
        drawn = _uniform(generator.random_sample(size).T.reshape(shape), bounds, whole=whole)
    return inputs.replaced(_as_whole(drawn, values.dtype) if whole else drawn)


def _uniform(fraction: NDArray[np.float64], bounds: _Bounds, *, whole: bool) -> NDArray[np.float64]:
    low, high = (np.asarray(bound, dtype=np.float64) for bound in bounds)
    if whole:
        return np.minimum(low + np.floor(fraction * (high - low + 1)), high)
    # In two halves: the difference of the bounds may be too large for a float.
    half = (high / 2 - low / 2) * fraction
    return low + half + half


def _as_whole(drawn: NDArray[np.float64], dtype: np.dtype) -> NDArray:
    """Whole numbers of the data's type, or of a larger type if that is too small."""
    if dtype.kind == "b":
        return drawn.astype(dtype)
    ends = [np.min_scalar_type(int(end)) for end in (drawn.min(), drawn.max())]
    return drawn.astype(np.result_type(dtype, *ends))


def _bounds(values: NDArray, axis: int | None) -> _Bounds:
    low, high = values.min(axis=axis), values.max(axis=axis)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(
            "Input X contains NaN or infinity: no noise can be made in its range. Give "
            "'singularity' or 'noise_features', or fill in missing values."
        )
    return low, high


def _mean_and_deviation(
    values: NDArray, axis: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation in float64, some rows at a time."""
    mean = values.mean(axis=axis, dtype=np.float64)
    blocks = (values[part] for part in slices(len(values), _BLOCK_VALUES, each=values[0].size))
    squares = sum((((block - mean) ** 2).sum(axis=axis) for block in blocks), np.zeros(()))
    n = len(values) if axis == 0 else values.size
    return mean, np.sqrt(squares / n)
