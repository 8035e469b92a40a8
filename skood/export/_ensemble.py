"""The combined score of an `OutlierEnsemble`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._validation import parameter_error
from ..layers.layer_scale import LARGEST
from ._graph import Value

_COMBINE = ("max", "sum", "softmax")


def ensemble_scores(ensemble: Any, scores: Sequence[Value]) -> Value:
    """The score of rows (m,), from that of each member."""
    if ensemble.combine not in _COMBINE:
        allowed = f"one of {', '.join(map(repr, _COMBINE))} for to_onnx"
        raise parameter_error(ensemble, "combine", allowed, ensemble.combine)
    values = [_standardised(one, own) for one, own in zip(ensemble._members, scores, strict=True)]
    graph = values[0].graph
    together = graph.op("Concat", *(one.with_axis(1) for one in values), axis=1)
    weights = np.asarray(ensemble.weights_, dtype=np.float64)
    if ensemble.combine == "sum":
        return (together * weights).sum()
    if ensemble.combine == "max":
        return (together * weights).smallest()
    exponents = np.log(weights) - together
    largest = exponents.largest(keep=True)
    return -((exponents - largest).exp().sum().log() + largest.without_axis(1))


def _standardised(member: Any, score: Value) -> Value:
    scale = member.scale
    if scale.epsilon is not None:
        score = -(scale.epsilon - score).log()
    score = (score - scale.mean) / scale.scale
    return score.most(-LARGEST).least(LARGEST)
