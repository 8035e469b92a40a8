"""An `OutlierPipeline` of steps without names."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import make_pipeline

from .outlier_pipeline import OutlierPipeline


def make_outlier_pipeline(*steps: Any, **options: Any) -> OutlierPipeline:
    """Make an `OutlierPipeline` of steps without names.

    Parameters
    ----------
    *steps : estimators
        Transformers, then a detector. Each step is named after its class, as by scikit-learn's
        `make_pipeline`.
    **options
        Parameters of the `OutlierPipeline`.

    Returns
    -------
    OutlierPipeline
        Not fitted.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skood import KNNOutlierDetector, make_outlier_pipeline
    >>> detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), n_folds=10)
    >>> list(detector.named_steps)
    ['standardscaler', 'knnoutlierdetector']
    """
    return OutlierPipeline(make_pipeline(*steps).steps, **options)
