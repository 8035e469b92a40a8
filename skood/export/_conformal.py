"""P-values and decisions of a `ConformalOutlierDetector`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import parameter_error
from ..measures.ties import TIE_TOLERANCE, tie_limits
from ._graph import Value, where


def conformal_detector(conformal: Any) -> Any:
    """The detector whose scores are calibrated."""
    if conformal.control != "marginal":
        allowed = "'marginal' for to_onnx, since others decide on all rows of a call together"
        raise parameter_error(conformal, "control", allowed, conformal.control)
    if hasattr(conformal, "_ranked"):
        allowed = "'split' for to_onnx, since other methods compare a row with several fits"
        raise parameter_error(conformal, "method", allowed, conformal.method)
    return conformal.detector_


def lowest_inside(conformal: Any) -> float:
    """The lowest score that `predict` does not flag."""
    threshold, unit = float(conformal.offset_), conformal._calibration.unit
    if unit is None:
        return threshold
    low, _ = tie_limits(np.array([threshold]), unit)
    return float(low[0])


def p_values(conformal: Any, scores: Value) -> Value:
    """The largest p-value of each score over the groups, without random ties."""
    graph, unit = scores.graph, conformal._calibration.unit
    high = scores
    if unit is not None:
        high = scores + scores.abs().most(unit) * TIE_TOLERANCE
    groups = [graph.constant(group) for group in conformal._calibration.groups.values()]
    sizes = [len(group) for group in conformal._calibration.groups.values()]

    def write(score: Value) -> list[Value]:
        found = [
            ((group <= score).cast(np.float64).sum() + 1.0) / (n + 1.0)
            for group, n in zip(groups, sizes, strict=True)
        ]
        largest = found[0]
        for other in found[1:]:
            largest = largest.most(other)
        return [largest]

    high.row_shape = ()
    (values,) = graph.over_rows(write, high, shapes=[()])
    return where(graph.op("IsNaN", scores, dtype=np.bool_), np.nan, values)
