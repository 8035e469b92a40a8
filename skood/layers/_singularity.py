"""Where the singularity is: given, or the mean feature of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_extracted, finite_numbers
from ._noise import draw_noise
from .extractor import extract
from .inputs import RawInputs


def find_singularity(
    owner: Any, extractor: Any, inputs: RawInputs, n_features: int, noise_features: Any
) -> NDArray[np.float64]:
    """The owner's `singularity`, or the mean of given features of noise, or of noise made here."""
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
    """Features of noise, as many for each sample as the layers have."""
    features = check_extracted(noise_features, "noise_features")
    if features.shape[1] != n_features:
        raise ValueError(
            f"noise_features must have {n_features} columns, as many as there are features. "
            f"Got {features.shape[1]} instead."
        )
    return features
