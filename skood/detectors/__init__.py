"""Detectors: one estimator in each file, the base of neighbour detectors, and the presets."""

from ._neighbor_detector import NeighborOutlierDetector
from .fdbd import FDBDScorer
from .gaussian_process import GaussianProcessScorer
from .gen import GENScorer
from .kernel_density import KernelDensityOutlierDetector
from .kl_matching import KLMatchingScorer
from .knn import KNNOutlierDetector
from .lcp import LCPOutlierDetector
from .lof import LOFOutlierDetector
from .mahalanobis import MahalanobisOutlierDetector
from .nci import NCIScorer
from .nnguide import NNGuideScorer
from .presets import make_outlier_detector
from .residual import ResidualScorer
from .she import SHEScorer
from .vim import ViMScorer

__all__ = [
    "FDBDScorer",
    "GENScorer",
    "GaussianProcessScorer",
    "KLMatchingScorer",
    "KNNOutlierDetector",
    "KernelDensityOutlierDetector",
    "LCPOutlierDetector",
    "LOFOutlierDetector",
    "MahalanobisOutlierDetector",
    "NCIScorer",
    "NNGuideScorer",
    "NeighborOutlierDetector",
    "ResidualScorer",
    "SHEScorer",
    "ViMScorer",
    "make_outlier_detector",
]
