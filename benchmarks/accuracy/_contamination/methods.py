"""Detectors with and without the remedy, and what they make of one task."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _contamination.sets import Task
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    TrimmedOutlierDetector,
    make_outlier_detector,
)
from skood.metrics import auroc

PRESETS = {"tabular-fast preset": "tabular-fast", "embedding preset": "embedding"}
DETECTORS = {
    "kNN": KNNOutlierDetector(threshold_samples=2),
    "kNN, k 50": KNNOutlierDetector(50, threshold_samples=2),
    "LCP": LCPOutlierDetector(threshold_samples=2),
    "LOF": LOFOutlierDetector(threshold_samples=2),
    "KD": KernelDensityOutlierDetector(threshold_samples=2),
    "MD": MahalanobisOutlierDetector(threshold_samples=2),
}
NAMES = [*PRESETS, *DETECTORS]


def measured(task: Task) -> dict[str, list[list[float]]]:
    """AUROC in % of each method, without and with the remedy.

    For presets also the shares in % of new ID rows and of OoD rows that are flagged.
    """
    found: dict[str, list[list[float]]] = {name: [] for name in NAMES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for robust in (False, True):
            for name in NAMES:
                detector = _made(name, robust=robust).fit(task.train)
                scores = detector.score_samples(task.test)
                values = [100 * auroc(task.labels, scores)]
                if name in PRESETS:
                    is_flagged = scores < detector.offset_
                    values += [100 * is_flagged[task.labels == kind].mean() for kind in (1, -1)]
                found[name].append([round(float(value), 3) for value in values])
    return found


def _made(name: str, *, robust: bool) -> Any:
    if name in PRESETS:
        return make_outlier_detector(PRESETS[name], robust=robust)
    plain = make_pipeline(StandardScaler(), DETECTORS[name])
    return TrimmedOutlierDetector(plain) if robust else plain
