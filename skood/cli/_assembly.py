"""The Pipeline of a detector and the preparation of its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import NotFittedError, check_is_fitted

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.cli.files import RowLayout
from skood.preprocessing import TableScaler

# The steps of each detector on columns of numbers.
_STEPS: dict[str, Callable[[int], Pipeline]] = {
    "tabular": lambda seed: make_outlier_detector("tabular", random_state=seed)[1:],
    "lcp": lambda seed: make_outlier_detector("tabular", random_state=seed)[1:],
    "embedding": lambda seed: make_outlier_detector("embedding", random_state=seed),
    "knn": lambda seed: make_pipeline(KNNOutlierDetector(random_state=seed)),
    "lof": lambda seed: make_pipeline(LOFOutlierDetector(random_state=seed)),
    "kd": lambda seed: make_pipeline(KernelDensityOutlierDetector(random_state=seed)),
    "md": lambda seed: make_pipeline(MahalanobisOutlierDetector(random_state=seed)),
}


def assemble(
    name: str,
    layout: RowLayout,
    *,
    missing: str = "refuse",
    scale: str = "auto",
    features: Any = None,
    robust: bool = False,
    seed: int = 0,
) -> Pipeline:
    """An unfitted `OutlierPipeline` of the detector with this name, for rows of this layout.

    Fitted `features` are not fitted again. `scale` "auto" standardises for all detectors but one
    that whitens. `robust` is that of `make_outlier_detector`.
    """
    scales = scale == "standard" or (scale == "auto" and name != "embedding")
    before: list[Any] = [TableScaler()] if scales else []
    if layout.kind == "table":
        schema = [layout.column(name) for name in layout.features]
        options: dict[str, Any] = {"with_mean": scales, "with_std": scales, "missing": missing}
        before = [TableScaler(**options, schema=schema)]
    if features is not None:
        before.insert(0, FrozenEstimator(features) if _is_fitted(features) else features)
    steps = [step for _, step in _STEPS[name](seed).steps]
    trim = make_outlier_detector(robust=robust).trim
    return make_outlier_pipeline(*before, *steps, trim=trim, random_state=seed)


def _is_fitted(transformer: Any) -> bool:
    try:
        check_is_fitted(transformer)
    except NotFittedError:
        return False
    return True
