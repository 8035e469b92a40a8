"""All detectors of skood and of its peers, to be timed side by side."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from _common.peers import N_JOBS, gaussian_rows, is_installed
from _common.timing import Seconds, timed
from _speed.workloads import Sizes, scoring_of
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
)

# Robust covariances take minutes.
SLOW = ("scikit-learn EllipticEnvelope", "PyOD MCD")

# PyOD's KDE is not here: it takes minutes, and has its own line among the requirements.
_PYOD = {
    "KNN": {"n_jobs": N_JOBS},
    "LOF": {"n_jobs": N_JOBS},
    "MCD": {},
    "ECOD": {"n_jobs": N_JOBS},
    "IForest": {"n_jobs": N_JOBS},
    "INNE": {},
}


def detectors() -> dict[str, Callable[[], Any]]:
    """Name and factory of each detector that is installed."""
    factories: dict[str, Callable[[], Any]] = {
        "LCP": lambda: LCPOutlierDetector(n_jobs=N_JOBS),
        "kNN": lambda: KNNOutlierDetector(n_jobs=N_JOBS),
        "LOF": lambda: LOFOutlierDetector(n_jobs=N_JOBS),
        "KD": lambda: KernelDensityOutlierDetector(n_jobs=N_JOBS),
        "MD": MahalanobisOutlierDetector,
        "scikit-learn LOF": lambda: LocalOutlierFactor(novelty=True, n_jobs=N_JOBS),
        "scikit-learn EllipticEnvelope": EllipticEnvelope,
        "scikit-learn IsolationForest": lambda: IsolationForest(n_jobs=N_JOBS),
    }
    if is_installed("pyod"):
        factories |= {f"PyOD {name}": _pyod_factory(name) for name in _PYOD}
    return factories


class Candidate:
    """A detector that scores with its last fit."""

    def __init__(self, make: Callable[[], Any], X: NDArray, Q: NDArray) -> None:
        self.make, self.X, self.Q = make, X, Q

    def fit(self) -> None:
        self.fitted = self.make().fit(self.X)

    def score(self) -> None:
        scoring_of(self.fitted, self.Q)()


def lineup(sizes: Sizes) -> tuple[str, dict[str, Seconds]]:
    """Title, and runs of the fit and of the scoring of each detector."""
    n, m = sizes.rows(20_000), sizes.rows(2_000)
    X, Q = gaussian_rows(n, 64, np.float64), gaussian_rows(m, 64, np.float64, seed=1)
    seconds = {}
    for name, make in detectors().items():
        candidate = Candidate(make, X, Q)
        seconds[f"{name} fit"] = timed(candidate.fit)
        seconds[f"{name} score"] = timed(candidate.score)
    return f"All detectors: fit of {n:,} × 64 float64, scoring of {m:,} new rows", seconds


def _pyod_factory(name: str) -> Callable[[], Any]:
    detector = getattr(import_module(f"pyod.models.{name.lower()}"), name)
    return lambda: detector(**_PYOD[name])
