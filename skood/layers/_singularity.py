"""The singularity: given, or the mean feature of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_extracted, parameter_error
from .extractor import extract
from .inputs import RawInputs
from .noise import draw_noise


def find_singularity(
    owner: Any, extractor: Any, inputs: RawInputs, n_features: int, noise_features: Any
) -> NDArray[np.float64]:
    """The owner's `singularity`, or the mean of the given features of noise, or of new noise."""
    if owner.singularity is not None:
        allowed = f"an array of shape ({n_features},), one finite value for each feature"
        return finite_numbers(owner, "singularity", n_features, allowed)
    if noise_features is not None:
        features = checked_noise(noise_features, n_features)
    else:
        noise = draw_noise(
            inputs, owner.noise, owner.noise_range, owner.n_noise, owner.random_state
        )
        features = extract(extractor, noise)
    return features.mean(axis=0, dtype=np.float64)


def checked_noise(noise_features: Any, n_features: int) -> NDArray:
    """Checked features of noise."""
    features = check_extracted(noise_features, "noise_features")
    if features.shape[1] != n_features:
        raise ValueError(
            f"noise_features must have {n_features} columns, one for each feature. Got "
            f"{features.shape[1]} instead."
        )
    return features


def finite_numbers(owner: object, name: str, length: int, allowed: str) -> NDArray[np.float64]:
    """A copy of a parameter that is an array of `n_features` finite numbers."""
    value = getattr(owner, name)
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise parameter_error(owner, name, allowed, value) from error
    if numbers.shape != (length,) or not np.isfinite(numbers).all():
        raise parameter_error(owner, name, allowed, value)
    return numbers
