"""Detectors: one estimator a file, named after it; their base on neighbours; and the presets."""

from ._neighbor_detector import NeighborOutlierDetector
from .fdbd import FDBDScorer
from .kernel_density import KernelDensityOutlierDetector
from .knn import KNNOutlierDetector
from .lcp import LCPOutlierDetector
from .lof import LOFOutlierDetector
from .mahalanobis import MahalanobisOutlierDetector
from .nnguide import NNGuideScorer
from .presets import make_outlier_detector
from .she import SHEScorer
from .vim import ViMScorer

__all__ = [
    "FDBDScorer",
    "KNNOutlierDetector",
    "KernelDensityOutlierDetector",
    "LCPOutlierDetector",
    "LOFOutlierDetector",
    "MahalanobisOutlierDetector",
    "NNGuideScorer",
    "NeighborOutlierDetector",
    "SHEScorer",
    "ViMScorer",
    "make_outlier_detector",
]
