"""The distance of features from the nearest class, as an objective whose gradient moves inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detectors.class_gaussians import ClassGaussians


class NearestClass:
    r"""Gives :math:`-\min_c \mathrm{MD}_c^2` of one layer's columns of features."""

    def __init__(self, gaussians: ClassGaussians, columns: slice | NDArray[np.intp]) -> None:
        self._columns = columns
        self._centre = gaussians.location.mean(axis=0)
        self._scale = gaussians.scale
        self._whitening = gaussians.whitening
        scaled = (gaussians.location - self._centre) / gaussians.scale
        self._means = scaled @ gaussians.whitening

    def __call__(self, features: Any) -> Any:
        """Objective of each sample, for a tensor of features or an array."""
        part = _in_float64(features[:, self._columns])
        like = part.new_tensor if hasattr(part, "new_tensor") else np.asarray
        z = (part - like(self._centre)) / like(self._scale) @ like(self._whitening)
        means = like(self._means)
        # The minimum has the gradient of the distance from the nearest class, so only it is needed.
        values = z.detach() if hasattr(z, "detach") else z
        lengths = (means * means).sum(1)
        nearest = (lengths - 2.0 * (values @ means.T)).argmin(1)
        difference = z - means[nearest]
        return -(difference * difference).sum(1)


def _in_float64(features: Any) -> Any:
    """Features in float64, if the device has it: a covariance may be nearly singular."""
    if not hasattr(features, "double"):
        return np.asarray(features, dtype=np.float64)
    return features if features.device.type == "mps" else features.double()
