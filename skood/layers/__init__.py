"""Scores of the layers of a network, and what the estimators on layers share."""

from ._extractor_tags import extractor_tags
from ._groups import Layers, find_layers
from ._logistic_weights import is_in_distribution, logistic_weights
from ._seeded_clone import seeded_clone
from ._weighed_sum import weighed_sum
from .fssd import FSSDScorer
from .layer_ensemble import LayerEnsemble

__all__ = [
    "FSSDScorer",
    "LayerEnsemble",
    "Layers",
    "extractor_tags",
    "find_layers",
    "is_in_distribution",
    "logistic_weights",
    "seeded_clone",
    "weighed_sum",
]
