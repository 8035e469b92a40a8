"""Pure measures: NumPy arrays in, NumPy arrays out, no state and nothing else of skood."""

from .knn import knn_distance
from .lcp import lcp_distance
from .perplexity import PerplexityWeights, perplexity_weights
from .threshold import contamination_threshold

__all__ = [
    "PerplexityWeights",
    "contamination_threshold",
    "knn_distance",
    "lcp_distance",
    "perplexity_weights",
]
