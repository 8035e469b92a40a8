"""Detectors: one estimator a file, named after it."""

from .knn import KNNOutlierDetector
from .lcp import LCPOutlierDetector

__all__ = ["KNNOutlierDetector", "LCPOutlierDetector"]
