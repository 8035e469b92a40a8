"""Detectors: one estimator a file, named after it."""

from .fssd import FSSDScorer
from .kernel_density import KernelDensityOutlierDetector
from .knn import KNNOutlierDetector
from .lcp import LCPOutlierDetector
from .lof import LOFOutlierDetector
from .mahalanobis import MahalanobisOutlierDetector

__all__ = [
    "FSSDScorer",
    "KNNOutlierDetector",
    "KernelDensityOutlierDetector",
    "LCPOutlierDetector",
    "LOFOutlierDetector",
    "MahalanobisOutlierDetector",
]
