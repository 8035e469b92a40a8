"""What the estimators on layers of a network share: their columns, weights, seeds and tags."""

from ._extractor_tags import extractor_tags
from ._groups import Layers, find_layers
from ._logistic_weights import is_in_distribution, logistic_weights
from ._seeded_clone import seeded_clone
from ._weighed_sum import weighed_sum

__all__ = [
    "Layers",
    "extractor_tags",
    "find_layers",
    "is_in_distribution",
    "logistic_weights",
    "seeded_clone",
    "weighed_sum",
]
