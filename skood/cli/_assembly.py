"""The Pipeline of a detector and the preparation of its rows."""

from __future__ import annotations

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
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

_DETECTORS = {
    "knn": KNNOutlierDetector,
    "lof": LOFOutlierDetector,
    "kd": KernelDensityOutlierDetector,
    "md": MahalanobisOutlierDetector,
}
_KINDS = {"tabular": "tabular", "auto": "auto", "embedding": "embedding"}

_KINDS = {"tabular": "tabular", "auto": "auto", "embedding": "embedding"}


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

    Fitted `features` are not fitted again. `scale` "auto" standardises for all detectors except one
    that whitens. `robust` is a parameter of `make_outlier_detector`.
    """
    scales = scale == "standard" or (scale == "auto" and name != "embedding")
    before: list[Any] = [TableScaler()] if scales else []
    if layout.kind == "table":
        schema = [layout.column(name) for name in layout.features]
        options: dict[str, Any] = {"with_mean": scales, "with_std": scales, "missing": missing}
        before = [TableScaler(**options, schema=schema)]
    if features is not None:
        before.insert(0, FrozenEstimator(features) if _is_fitted(features) else features)
    kind = _KINDS.get(name, "tabular-fast")
    preset = make_outlier_detector(kind, robust=robust, random_state=seed)
    if name in _DETECTORS:
        steps: list[Any] = [_DETECTORS[name](random_state=seed)]
    else:  # tables have steps of their own before the detector
        steps = [step for _, step in preset.steps[kind != "embedding" :]]
    return make_outlier_pipeline(*before, *steps, trim=preset.trim, random_state=seed)


def _is_fitted(transformer: Any) -> bool:
    try:
        check_is_fitted(transformer)
    except NotFittedError:
        return False
    return True
