"""Distances of inputs from the singularity in each layer, some inputs at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_extracted
from ..layers import Layers
from ..measures import singularity_distance
from ._perturbation import Perturbation
from ._raw_inputs import RawInputs

_BLOCK_VALUES = 1 << 20  # of inputs or features at a time, so that memory does not grow with rows


def extract(extractor: Any, inputs: RawInputs) -> NDArray:
    """Features of inputs, which are these themselves without an extractor."""
    if extractor is None:
        return inputs.values
    return check_extracted(extractor.transform(inputs.given()))


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
        found = np.empty((n, len(self.layers)))
        step = self._rows_at_a_time(inputs.width)
        for start in range(0, n, step):
            part = slice(start, start + step)
            block = inputs[part if rows is None else rows[part]]
            for i, (features, columns) in enumerate(self._features(block)):
                found[part, i] = singularity_distance(
                    features[:, columns], self.singularity[columns]
                )
        return found

    def _features(self, inputs: RawInputs) -> Iterator[tuple[NDArray, slice | NDArray[np.intp]]]:
        """Features for each layer, and the layer's columns among them."""
        plain = self._checked(extract(self.extractor, inputs)) if not self.perturbation else None
        for columns in map(_selector, self.layers.values()):
            features = plain
            if features is None:
                star = self.singularity[columns]
                moved = self.perturbation.moved(self.extractor, inputs, columns, star)  # type: ignore[union-attr]
                features = self._checked(extract(self.extractor, moved))
            yield features, columns

    def _checked(self, features: NDArray) -> NDArray:
        if features.shape[1] != len(self.singularity):
            raise ValueError(
                f"The feature extractor gives {features.shape[1]} features, but the singularity "
                f"has {len(self.singularity)}."
            )
        return features

    def _rows_at_a_time(self, width: int) -> int:
        """A whole number of the extractor's own batches: of another it would fill up the last."""
        batch = _batch_size(self.extractor)
        rows = _BLOCK_VALUES // max(1, width, len(self.singularity))
        return max(1, rows // batch) * batch


def _batch_size(extractor: Any) -> int:
    """The batch size of the extractor or of a step of it; 1 where it has none."""
    if not hasattr(extractor, "get_params"):
        return 1
    found = [
        value
        for name, value in extractor.get_params().items()
        if name.rpartition("__")[2] == "batch_size" and isinstance(value, Integral)
    ]
    return max([1, *map(int, found)])


def _selector(columns: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Columns that stand side by side as a slice: a view, and cheap to differentiate."""
    first = int(columns[0])
    if np.array_equal(columns, np.arange(first, first + len(columns))):
        return slice(first, first + len(columns))
    return columns
