"""The rows of the suite page: skood's presets and measures, scikit-learn's and PyOD's detectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.ensemble import IsolationForest
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from _common.peers import FromPyOD
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
)

TABULAR, FAST, AUTO = "tabular", "tabular-fast", "auto"
_SEED = 0
_PYOD = {
    "KNN": ("knn", {}),
    "LOF": ("lof", {}),
    "ECOD": ("ecod", {}),
    "COPOD": ("copod", {}),
    "HBOS": ("hbos", {}),
    "PCA": ("pca", {"random_state": _SEED}),
    "CBLOF": ("cblof", {"random_state": _SEED}),
    "GMM": ("gmm", {"random_state": _SEED}),
    "LODA": ("loda", {}),
}


def detectors() -> dict[str, Callable[[], Any]]:
    """A function that makes the detector, for each row."""
    ours = {name: partial(make_outlier_detector, name) for name in (TABULAR, FAST, AUTO)}
    measures = {
        "kNN10": partial(KNNOutlierDetector, 10),
        "LOF20": partial(LOFOutlierDetector, 20),
        "KD Scott": partial(KernelDensityOutlierDetector, "scott"),
        "MD": MahalanobisOutlierDetector,
    }
    scikit_learn = {
        "sklearn IsolationForest": partial(IsolationForest, random_state=_SEED),
        "sklearn OneClassSVM": OneClassSVM,
        "sklearn LOF": partial(LocalOutlierFactor, novelty=True),
        "sklearn KernelDensity Scott": partial(KernelDensity, bandwidth="scott"),
    }
    scaled = {name: partial(_scaled, make) for name, make in {**measures, **scikit_learn}.items()}
    peers = {
        f"PyOD {name}": partial(_scaled, partial(FromPyOD, module, name, **params))
        for name, (module, params) in _PYOD.items()
    }
    return {**ours, **scaled, **peers}


def _scaled(make: Callable[[], Any]) -> Any:
    return make_pipeline(StandardScaler(), make())
