"""A fitted detector as an ONNX model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._version import __version__
from ..calibration import ConformalOutlierDetector, OutlierEnsemble
from ..detectors import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
)
from ._conformal import conformal_detector, lowest_inside, p_values
from ._ensemble import ensemble_scores
from ._errors import not_converted
from ._gaussians import gaussian_scores
from ._graph import Graph, Value, where
from ._neighbors import kernel_scores, knn_scores, lcp_scores
from ._steps import is_exact, transformed

_DETECTORS: dict[type, Callable[[Any, Value, float], Value]] = {
    KNNOutlierDetector: knn_scores,
    LCPOutlierDetector: lcp_scores,
    KernelDensityOutlierDetector: kernel_scores,
    MahalanobisOutlierDetector: gaussian_scores,
}
# Of a row that passed steps before the detector, as a share of the usual distance from the centre.
_ROUNDING = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 2.0**-17}


def to_onnx(estimator: Any) -> Any:
    """Make an ONNX model of a fitted detector, for programs without Python.

    Parameters
    ----------
    estimator : estimator
        A fitted `KNNOutlierDetector`, `LCPOutlierDetector`, `KernelDensityOutlierDetector` or
        `MahalanobisOutlierDetector`, with exact search; an `OutlierEnsemble` of these; or a
        Pipeline or `OutlierPipeline` that ends in one of both; or a `ConformalOutlierDetector` of
        these with ``method="split"``, as `skood fit` makes it. The steps before a detector may be
        `PartialWhitener`, `NormalScoreTransformer`, `TableScaler` on columns of numbers,
        scikit-learn's scalers, `PCA`, and others that the user guide lists.

    Returns
    -------
    onnx.ModelProto
        The input ``X``, of shape (n_samples, n_features), has the float type of the training rows.
        The outputs are ``scores``, float64, higher for in-distribution rows, and ``decisions``,
        int64: +1 for in-distribution, -1 for out-of-distribution. A `ConformalOutlierDetector` adds
        ``p_values``, those without random ties. The metadata hold the version of skood, the
        estimator, the threshold and the names of the columns, if X had names.

    Raises
    ------
    ValueError
        If a step, a detector or a parameter has no counterpart in ONNX, or the model is larger than
        the 2 GB of an ONNX file.
    NotFittedError
        If the estimator is not fitted.
    ImportError
        If onnx is not installed, or skl2onnx for a step of scikit-learn.

    Notes
    -----
    Scores equal those of `score_samples` to a relative error of 1e-5; distances are computed in
    float64. A row that equals a training row is scored without one equal copy, as by
    `score_samples`. Where `score_samples` raises an error, as for a row with NaN, the score is NaN
    and the decision -1. The model holds the training rows, those of `MahalanobisOutlierDetector`
    as 25 bytes each. Where training rows tie at the distance of the last neighbour, an LCP may
    take another of them.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector, to_onnx
    >>> detector = KNNOutlierDetector().fit(np.random.default_rng(0).normal(size=(200, 2)))
    >>> model = to_onnx(detector).SerializeToString()
    >>> import onnxruntime
    >>> session = onnxruntime.InferenceSession(model)
    >>> (decisions,) = session.run(["decisions"], {"X": np.array([[0.0, 0.0], [6.0, 6.0]])})
    >>> decisions.tolist()
    [1, -1]
    """
    given, conformal = estimator, type(_thawed(estimator)) is ConformalOutlierDetector
    if conformal:
        check_is_fitted(estimator)
        given = conformal_detector(_thawed(estimator))
    detectors = list(_detectors(given))
    check_is_fitted(given)
    graph, dtype = Graph(), _float_type(given, detectors[0])
    x, threshold = Value(graph, "X", dtype), _threshold(estimator)
    scores = _scored(graph, given, x)
    decisions = where(scores >= threshold, np.int64(1), np.int64(-1))
    outputs = {"scores": scores, "decisions": decisions}
    if conformal:
        outputs["p_values"] = p_values(_thawed(estimator), scores)
    about = {
        "skood": __version__,
        "estimator": " + ".join(_parts(estimator)),
        "threshold": repr(threshold),
    }
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        about["feature_names"] = json.dumps([str(name) for name in names])
    return graph.model(x, int(estimator.n_features_in_), outputs, about)


def _scored(graph: Graph, estimator: Any, x: Value, rounding: float = 0.0) -> Value:
    """The scores of rows (m,) by a detector, a Pipeline or an ensemble."""
    estimator = _thawed(estimator)
    if isinstance(estimator, Pipeline):
        for name, step in _transformers(estimator):
            x = transformed(graph, name, step, x)
            rounding = rounding if is_exact(step) else _ROUNDING[x.dtype]
        return _scored(graph, estimator.steps[-1][1], x, rounding)
    if type(estimator) is OutlierEnsemble:
        members = [_scored(graph, one, x, rounding) for one in estimator.estimators_]
        return ensemble_scores(estimator, members)
    return _DETECTORS[type(estimator)](estimator, x.cast(np.float64), rounding)


def _transformers(pipeline: Pipeline, end: int | None = -1) -> Iterator[tuple[str, Any]]:
    """The names and transformers of the steps before the last, those of inner Pipelines too."""
    for name, given in pipeline.steps[:end]:
        step = _thawed(given)
        if isinstance(step, Pipeline):
            yield from _transformers(step, None)
        elif step is not None and not isinstance(step, str):
            yield name, step


def _detectors(estimator: Any) -> Iterator[Any]:
    """The detectors inside, each of a kind that can be converted."""
    estimator = _thawed(estimator)
    if isinstance(estimator, Pipeline):
        yield from _detectors(estimator.steps[-1][1])
    elif type(estimator) is OutlierEnsemble:
        check_is_fitted(estimator)
        for member in estimator.estimators_:
            yield from _detectors(member)
    elif type(estimator) in _DETECTORS:
        yield estimator
    else:
        kinds = ", ".join(kind.__name__ for kind in _DETECTORS)
        what = f"{kinds}, an OutlierEnsemble of these, and Pipelines that end in one, also with "
        what += "the p-values of a ConformalOutlierDetector"
        raise not_converted("this estimator", estimator, what)


def _threshold(estimator: Any) -> float:
    """The score from which `predict` gives +1."""
    estimator = _thawed(estimator)
    if not hasattr(estimator, "offset_") and isinstance(estimator, Pipeline):
        return _threshold(estimator.steps[-1][1])
    if type(estimator) is ConformalOutlierDetector:
        return lowest_inside(estimator)
    return float(estimator.offset_)


def _float_type(estimator: Any, detector: Any) -> np.dtype:
    """The float type of the training rows, before all steps."""
    rounded = getattr(_thawed(estimator), "_fitted_rounded", None)
    if rounded is not None:
        return np.dtype(np.float32 if rounded else np.float64)
    if type(detector) is MahalanobisOutlierDetector:
        return np.dtype(detector._dtype)
    held = detector if hasattr(detector, "training_rows_") else detector.index_
    return np.dtype(held.training_rows_.dtype)


def _parts(estimator: Any) -> list[str]:
    """The names of the classes of the steps."""
    estimator = _thawed(estimator)
    if type(estimator) is ConformalOutlierDetector:
        return [*_parts(estimator.detector_), type(estimator).__name__]
    if not isinstance(estimator, Pipeline):
        return [type(estimator).__name__]
    return [name for _, step in estimator.steps for name in _parts(step)]


def _thawed(estimator: Any) -> Any:
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator
