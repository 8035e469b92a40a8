"""Distances of inputs from the singularity in each layer, some inputs at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures import singularity_distance
from . import Layers
from ._perturbation import Perturbation
from .layer_inputs import blocks_of, extract, opened, side_by_side
from .raw_inputs import RawInputs


@dataclass(frozen=True)
class SingularityLayers:
    """The singularity, the columns of each layer, and what makes features of inputs."""

    extractor: Any
    layers: Layers
    singularity: NDArray[np.float64]
    perturbation: Perturbation | None

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

    def _features(
        self, extractor: Any, inputs: RawInputs
    ) -> Iterator[tuple[NDArray, slice | NDArray[np.intp]]]:
        """Features for each layer, and the layer's columns among them."""
        layers = map(side_by_side, self.layers.values())
        if self.perturbation is None:
            features = self._checked(extract(extractor, inputs))
            yield from ((features, columns) for columns in layers)
            return
        for columns in layers:
            star = self.singularity[columns]
            moved = self.perturbation.moved(extractor, inputs, columns, star)
            yield self._checked(extract(extractor, moved)), columns

    def _checked(self, features: NDArray) -> NDArray:
        if features.shape[1] != len(self.singularity):
            raise ValueError(
                f"The feature extractor gives {features.shape[1]} features, but the singularity "
                f"has {len(self.singularity)}."
            )
        return features
