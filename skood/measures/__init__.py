"""Pure measures: NumPy arrays in, NumPy arrays out, no state and nothing else of skood."""

from inspect import isfunction

from .arguments import checked
from .ensemble_uncertainty import max_mean_probability, mutual_information, predictive_entropy
from .fdbd import class_weight_distances, fdbd_score
from .fssd import singularity_distance
from .gaussian_process import gaussian_process_deviation, gaussian_process_factor
from .gen import generalized_entropy
from .hopfield import simplified_hopfield_energy
from .kernel_density import log_kernel_density
from .kernel_weights import KernelWeights, kernel_weights
from .kl_matching import kl_matching_distance
from .knn import knn_distance
from .lcp import lcp_distance
from .lof import local_outlier_factor, mean_reachability
from .logits import energy, max_logit, max_softmax
from .mahalanobis import (
    left_out_mahalanobis_distance,
    mahalanobis_distance,
    whitening_matrix,
)
from .mahalanobis_shares import (
    left_out_mahalanobis_share_factors,
    mahalanobis_share_factors,
)
from .nci import class_proximity
from .nnguide import nnguide_score
from .perplexity import PerplexityWeights, perplexity_weights
from .shares import ShareFactors, lcp_share_factors, share_factors
from .threshold import contamination_threshold
from .vim import residual_norm, vim_score

__all__ = [
    "KernelWeights",
    "PerplexityWeights",
    "ShareFactors",
    "class_proximity",
    "class_weight_distances",
    "contamination_threshold",
    "energy",
    "fdbd_score",
    "gaussian_process_deviation",
    "gaussian_process_factor",
    "generalized_entropy",
    "kernel_weights",
    "kl_matching_distance",
    "knn_distance",
    "lcp_distance",
    "lcp_share_factors",
    "left_out_mahalanobis_distance",
    "left_out_mahalanobis_share_factors",
    "local_outlier_factor",
    "log_kernel_density",
    "mahalanobis_distance",
    "mahalanobis_share_factors",
    "max_logit",
    "max_mean_probability",
    "max_softmax",
    "mean_reachability",
    "mutual_information",
    "nnguide_score",
    "perplexity_weights",
    "predictive_entropy",
    "residual_norm",
    "share_factors",
    "simplified_hopfield_energy",
    "singularity_distance",
    "vim_score",
    "whitening_matrix",
]

# Here for users. Estimators import the functions from their files, without the checks.
for _name in __all__:
    if isfunction(globals()[_name]):
        globals()[_name] = checked(globals()[_name], module=__name__)
