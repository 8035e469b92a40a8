"""Detectors: one estimator a file, named after it."""

from .fdbd import FDBDScorer
from .fssd import FSSDScorer
from .kernel_density import KernelDensityOutlierDetector
from .knn import KNNOutlierDetector
from .lcp import LCPOutlierDetector
from .lof import LOFOutlierDetector
from .mahalanobis import MahalanobisOutlierDetector
from .nnguide import NNGuideScorer
from .she import SHEScorer
from .vim import ViMScorer

__all__ = [
    "FDBDScorer",
    "FSSDScorer",
    "KNNOutlierDetector",
    "KernelDensityOutlierDetector",
    "LCPOutlierDetector",
    "LOFOutlierDetector",
    "MahalanobisOutlierDetector",
    "NNGuideScorer",
    "SHEScorer",
    "ViMScorer",
]
