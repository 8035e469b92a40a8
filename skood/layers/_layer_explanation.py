"""One explanation from the explanations of the layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explanation import (
    Explanation,
    LinearMap,
    Selection,
    explain,
    numbered_names,
    reaches_inputs,
)
from ..explanation.expected import merged
from ..explanation.given_features import given_rows
from ._layer_detectors import LayerDetectors
from .weights import divided_evidence


def explain_layers(
    fitted: LayerDetectors,
    features: NDArray,
    weights: NDArray[np.float64],
    names: NDArray | None,
    linear_map: LinearMap | None,
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """An `Explanation` without scores and base, and the values of the layers, (n, n_layers)."""
    names = numbered_names(features.shape[1]) if names is None else names
    layers = _explain_each(fitted, features, names, linear_map)
    values = np.column_stack(
        [fitted.scales[name].standardise(layer.scores) for name, layer in layers.items()]
    )
    evidence = dict(zip(layers, (-values * weights).T, strict=True))
    by_layer: dict[str, Any] = {"group_shares": evidence, "layers": layers}
    if not all(map(reaches_inputs, fitted.detectors.values())):
        return {
            "shares": np.column_stack(list(evidence.values())),
            "feature_names": np.array(list(layers), dtype=object),
            **by_layer,
        }, values
    divided = {
        name: divided_evidence(evidence[name], layer.shares) for name, layer in layers.items()
    }
    by_layer["values"] = given_rows(features, linear_map)
    if linear_map is not None:
        shares = np.sum(list(divided.values()), axis=0)
        names = numbered_names(shares.shape[1])
        places: dict[str, Any] = dict.fromkeys(layers, slice(None))
    else:
        shares, places = np.zeros(features.shape), dict(fitted.layers)
        for name, part in divided.items():
            np.add.at(shares.T, places[name], part.T)  # a column may be in several layers
    expected = [(places[name], layer.expected) for name, layer in layers.items()]
    by_layer["expected"] = merged(expected, shares.shape[1])
    return {"shares": shares, "feature_names": names, **by_layer}, values


def _explain_each(
    fitted: LayerDetectors, features: NDArray, names: NDArray, linear_map: LinearMap | None
) -> dict[str, Explanation]:
    """Explain each layer's own score."""
    layers = {}
    for name, columns in fitted.layers.items():
        detector, part = fitted.detectors[name], features.take(columns, axis=1)
        if not reaches_inputs(detector):
            layers[name] = explain(detector, part)
        elif linear_map is None:
            layers[name] = replace(explain(detector, part), feature_names=names[columns])
        else:
            through = linear_map.then(Selection(columns, features.shape[1]))
            layers[name] = explain(detector, part, linear_map=through)
    return layers
