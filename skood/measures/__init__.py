"""Pure measures: NumPy arrays in, NumPy arrays out, no state and nothing else of skood."""

from .kernel_density import log_kernel_density
from .knn import knn_distance
from .lcp import lcp_distance
from .lof import local_outlier_factor, mean_reachability
from .mahalanobis import (
    left_out_mahalanobis_distance,
    mahalanobis_distance,
    whitening_matrix,
)
from .perplexity import PerplexityWeights, perplexity_weights
from .threshold import contamination_threshold

__all__ = [
    "PerplexityWeights",
    "contamination_threshold",
    "knn_distance",
    "lcp_distance",
    "left_out_mahalanobis_distance",
    "local_outlier_factor",
    "log_kernel_density",
    "mahalanobis_distance",
    "mean_reachability",
    "perplexity_weights",
    "whitening_matrix",
]
