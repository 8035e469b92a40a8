"""The measures on traces, the reconstruction error, and both together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline

from _lcp_paper.traces import Traces
from skood import (
    ActiveNeuronSelector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
)
from skood.layers.layer_scale import LayerScale, score_is_distance
from skood.metrics import aupr_in, aupr_out, auroc, fpr_at_tpr

WHITENED, LOCAL = "LCP, whitened", "LCP, whitened, locality 0.5"
ERROR = "reconstruction"
DETECTORS: dict[str, Callable[[], list[Any]]] = {
    "KD": lambda: [KernelDensityOutlierDetector()],
    "MD": lambda: [MahalanobisOutlierDetector()],
    "kNN": lambda: [KNNOutlierDetector()],
    "LOF": lambda: [LOFOutlierDetector()],
    "LCP": lambda: [LCPOutlierDetector()],
    WHITENED: lambda: [PartialWhitener(0.5), LCPOutlierDetector()],
    LOCAL: lambda: [PartialWhitener(0.5), LCPOutlierDetector(locality=0.5)],
}
WITH_ERROR = {f"{ERROR} + {name}": name for name in (WHITENED, LOCAL)}
METHODS = [*DETECTORS, ERROR, *WITH_ERROR]


@dataclass(frozen=True)
class Metrics:
    """Of one method, one out-of-distribution set and one seed, in %."""

    auroc: float
    aupr_in: float
    aupr_out: float
    fpr95: float


@dataclass(frozen=True)
class _Scores:
    """Of training rows, each with itself left out, and of each test set."""

    training: np.ndarray
    tests: dict[str, np.ndarray]
    is_distance: bool


def evaluate(traces: Traces) -> dict[str, dict[str, Metrics]]:
    """Metrics of every method, by out-of-distribution set."""
    # One unit for all columns, for the bandwidth of kernel density alone.
    unit = traces.training.std()
    scores = {name: _detect(make(), traces, unit) for name, make in DETECTORS.items()}
    errors = {name: -error for name, error in traces.errors.items()}
    scores[ERROR] = _Scores(-traces.training_errors, errors, is_distance=True)
    tests = {name: of_method.tests for name, of_method in scores.items()}
    for name, other in WITH_ERROR.items():
        tests[name] = _added(scores[ERROR], scores[other])
    names = [name for name in traces.tests if name]
    return {
        strange: {
            method: metrics(of_method[""], of_method[strange])
            for method, of_method in tests.items()
        }
        for strange in names
    }


def metrics(inside: np.ndarray, outside: np.ndarray) -> Metrics:
    """Metrics of the scores of in-distribution and out-of-distribution rows."""
    labels = np.repeat([1, -1], [len(inside), len(outside)])
    scores = np.r_[inside, outside]
    measures = (auroc, aupr_in, aupr_out, fpr_at_tpr)
    return Metrics(*(100 * float(measure(labels, scores)) for measure in measures))


def _detect(steps: list[Any], traces: Traces, unit: float) -> _Scores:
    detector: Pipeline = make_pipeline(ActiveNeuronSelector(), *steps)
    detector.fit(traces.training / unit)
    tests = {name: detector.score_samples(rows / unit) for name, rows in traces.tests.items()}
    return _Scores(detector[-1].training_scores_, tests, score_is_distance(detector))


def _added(*parts: _Scores) -> dict[str, np.ndarray]:
    """Sum of standardised logarithms, as `LayerEnsemble` adds up its layers."""
    scales = [LayerScale.fit(part.training, is_distance=part.is_distance) for part in parts]
    return {
        name: sum(s.standardise(part.tests[name]) for s, part in zip(scales, parts, strict=True))
        for name in parts[0].tests
    }
