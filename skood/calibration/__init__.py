"""Decisions with a guarantee, and classifiers that reject rows."""

from ._batch_test import ConformalTestResult
from .conformal import ConformalOutlierDetector
from .gate import OODGate
from .outlier_ensemble import OutlierEnsemble
from .outlier_pipeline import OutlierPipeline
from .pipeline_of_steps import make_outlier_pipeline
from .trimmed import TrimmedOutlierDetector

__all__ = [
    "ConformalOutlierDetector",
    "ConformalTestResult",
    "OODGate",
    "OutlierEnsemble",
    "OutlierPipeline",
    "TrimmedOutlierDetector",
    "make_outlier_pipeline",
]
