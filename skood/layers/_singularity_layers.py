"""Distances of inputs from the singularity in each layer, some inputs at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..measures.fssd import singularity_distance
from ._singularity import find_singularity
from .extractor import blocks_of, extract, fit_layers, opened
from .groups import Layers, side_by_side
from .inputs import RawInputs
from .perturbation import Perturbation


@dataclass(frozen=True)
class SingularityLayers:
    """The singularity, the columns of each layer, and the extractor of features."""

    extractor: Any
    layers: Layers
    singularity: NDArray[np.float64]
    perturbation: Perturbation | None

    @classmethod
    def fit(cls, owner: Any, inputs: RawInputs, y: Any, noise_features: Any) -> Self:
        """Fit the owner's extractor; find the layers' columns and the singularity."""
        extractor, layers, n_features = fit_layers(owner, inputs, y)
        singularity = find_singularity(owner, extractor, inputs, n_features, noise_features)
        step = owner.perturbation if owner.direction == "ascend" else -owner.perturbation
        perturbation = Perturbation(step, owner.gradient) if step else None
        return cls(extractor, layers, singularity, perturbation)

    def distances(
        self, inputs: RawInputs, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Distances of the inputs (or some rows of them) in each layer, (n, n_layers)."""
        n = len(inputs) if rows is None else len(rows)
        distances = np.empty((n, len(self.layers)))
        blocks = blocks_of(self.extractor, inputs, rows, len(self.singularity))
        with opened(self.extractor) as extractor:
            for part, block in blocks:
                for i, (features, columns) in enumerate(self._features(extractor, block)):
                    distances[part, i] = singularity_distance(
                        features[:, columns], self.singularity[columns]
                    )
        return distances

    def moved(
        self, extractor: Any, inputs: RawInputs, columns: slice | NDArray[np.intp]
    ) -> RawInputs:
        """Inputs a step away from the singularity, or towards it, in the layer of these columns."""
        if self.perturbation is None:
            return inputs
        objective = _half_square(columns, self.singularity[columns])
        return self.perturbation.moved(extractor, inputs, objective)

    def _features(
        self, extractor: Any, inputs: RawInputs
    ) -> Iterator[tuple[NDArray, slice | NDArray[np.intp]]]:
        """Features for each layer, and the layer's columns among them."""
        features = None
        for columns in map(side_by_side, self.layers.values()):
            if features is None or self.perturbation is not None:
                features = extract(extractor, self.moved(extractor, inputs, columns))
                self._check_width(features)
            yield features, columns

    def _check_width(self, features: NDArray) -> None:
        if features.shape[1] != len(self.singularity):
            raise ValueError(
                f"The feature extractor gives {features.shape[1]} features, but the singularity "
                f"has {len(self.singularity)}."
            )


def _half_square(
    columns: slice | NDArray[np.intp], singularity: NDArray[np.float64]
) -> Callable[[Any], Any]:
    """Half the squared distance from the singularity, of features that may be tensors.

    It also has a gradient at 0. Elsewhere this is the gradient of the distance times a positive
    number, which changes neither its sign nor the standardised gradient.
    """

    def objective(features: Any) -> Any:
        part = features[:, columns]
        star = part.new_tensor(singularity) if hasattr(part, "new_tensor") else singularity
        difference = part - star
        return (difference * difference).sum(1) / 2

    return objective
