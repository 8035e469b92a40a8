"""How the distances in the layers become the score of an `FSSDScorer`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neighbors.index_choice import feasible_n_neighbors
from ._layer_profile import LayerProfile
from ._singularity import finite_numbers
from ._singularity_layers import SingularityLayers
from .inputs import RawInputs
from .weights import WeighedSum


def fit_combination(
    scorer: Any, inputs: RawInputs, rows: NDArray[np.intp], outside: RawInputs | None
) -> NDArray[np.float64]:
    """Learn the combination of the layers from training inputs; return the scores of some rows.

    `outside` holds the out-of-distribution inputs, if there are any.
    """
    layers: SingularityLayers = scorer._layers
    if scorer.combine == "profile":
        scorer.n_neighbors_ = feasible_n_neighbors(scorer, len(inputs))
        profile = LayerProfile.fit(layers.distances(inputs), inputs, scorer.n_neighbors_)
        scorer._combination = profile
        return profile.training_scores(rows)
    distances = layers.distances(inputs, rows)
    strange = None if outside is None else layers.distances(outside)
    weights = scorer._combination = _weights(scorer, distances, strange)
    scorer.coef_, scorer.intercept_ = weights.coef, weights.intercept
    return weights.scores(distances)


def _weights(
    scorer: Any, distances: NDArray[np.float64], outside: NDArray[np.float64] | None
) -> WeighedSum:
    """The given weights, or equal weights of standardised distances."""
    if scorer.weights is None:
        return WeighedSum.of_standardised(distances, outside)
    n_layers = distances.shape[1]
    allowed = f"an array of shape ({n_layers},), one finite number for each layer, or None"
    return WeighedSum(finite_numbers(scorer, "weights", n_layers, allowed), 0.0)
