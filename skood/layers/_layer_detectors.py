"""The fitted detectors of all layers, and the scale of their scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .._base import OODDetectorMixin
from .._validation import last_step
from ..rows.threads import in_threads
from .groups import Layers
from .layer_scale import LayerScale, score_is_distance


@dataclass(frozen=True)
class LayerDetectors:
    """One fitted detector and one scale for each layer."""

    layers: Layers
    detectors: dict[str, Any]
    scales: dict[str, LayerScale]

    @classmethod
    def fit(
        cls,
        detector: Any,
        layers: Layers,
        features: NDArray,
        y: Any,
        rows: NDArray[np.intp],
        n_jobs: int | None,
    ) -> tuple[Self, NDArray[np.float64]]:
        """Fit a clone to each layer; return the values of `rows`, which set the scales, too."""
        tasks = ((detector, part, y, rows) for part in _split(features, layers))
        fitted = dict(zip(layers, in_threads(_fit_layer, tasks, n_jobs), strict=True))
        scales = {}
        for name, (fitted_detector, scores) in fitted.items():
            if not np.isfinite(scores).all():
                raise ValueError(
                    f"The scores of training rows by the detector of layer {name!r} must be finite."
                )
            scales[name] = LayerScale.fit(scores, is_distance=score_is_distance(fitted_detector))
        values = [scales[name].standardise(scores) for name, (_, scores) in fitted.items()]
        detectors = {name: fitted_detector for name, (fitted_detector, _) in fitted.items()}
        return cls(layers, detectors, scales), np.column_stack(values)

    def values(self, features: NDArray, n_jobs: int | None) -> NDArray[np.float64]:
        """Standardised values of rows in each layer, (n_rows, n_layers)."""
        parts = _split(features, self.layers)
        tasks = zip(self.detectors.values(), self.scales.values(), parts, strict=True)
        return np.column_stack(in_threads(_score_layer, tasks, n_jobs))


def _split(features: NDArray, layers: Layers) -> Iterable[NDArray]:
    """The columns of each layer, in C order; a layer of all columns is the features themselves."""
    everything = np.arange(features.shape[1])
    for columns in layers.values():
        whole = np.array_equal(columns, everything)
        yield features if whole else features.take(columns, axis=1)


def _fit_layer(
    detector: Any, X: NDArray, y: Any, rows: NDArray[np.intp]
) -> tuple[Any, NDArray[np.float64]]:
    """A fitted clone, and the scores of some training rows with themselves left out."""
    fitted = clone(detector).fit(X, y)
    # `fit` has scored these rows already; a frozen detector has scored other rows.
    last = last_step(fitted, frozen=False)
    if isinstance(last, OODDetectorMixin) and np.array_equal(last.training_indices_, rows):
        return fitted, last.training_scores_
    return fitted, np.asarray(fitted.score_samples(X[rows]), dtype=np.float64)


def _score_layer(detector: Any, scale: LayerScale, X: NDArray) -> NDArray[np.float64]:
    return scale.standardise(np.asarray(detector.score_samples(X), dtype=np.float64))
