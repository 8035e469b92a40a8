"""The methods that are compared on ADBench, all at their defaults and with one interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.covariance import EllipticEnvelope
from sklearn.neighbors import KernelDensity, LocalOutlierFactor

from _common.peers import FromPyOD
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
)

MADE = {"tabular": "tabular-fast", "embedding": "embedding"}  # suite.py has "tabular" itself
PRESET = {"tabular": "tabular-fast preset", "embedding": "embedding preset"}


@dataclass(frozen=True)
class Method:
    """A detector for each seed. On tabular sets all but the preset get standardised rows."""

    name: str
    make: Callable[[int], Any]
    source: str = "skood"


def methods(kind: str, *, peers: bool) -> list[Method]:
    """The methods for a kind of data, the preset first."""
    preset = Method(PRESET[kind], lambda _: make_outlier_detector(MADE[kind]))
    ours = [preset, *_classic_measures()]
    if kind == "embedding":
        # On tabular sets this is the preset itself.
        ours.insert(1, Method("LCP", lambda _: LCPOutlierDetector()))
    if not peers:
        return ours
    return [*ours, *_pyod(), *_scikit_learn(robust_covariance=kind == "tabular")]


def _classic_measures() -> list[Method]:
    return [
        Method("kNN10", lambda _: KNNOutlierDetector(10)),
        Method("KD Scott", lambda _: KernelDensityOutlierDetector("scott")),
        Method("LOF20", lambda _: LOFOutlierDetector(20)),
        Method("MD", lambda _: MahalanobisOutlierDetector()),
    ]


def _pyod() -> list[Method]:
    makers: dict[str, Callable[[int], Any]] = {
        "KNN": lambda _: FromPyOD("knn", "KNN"),
        "LOF": lambda _: FromPyOD("lof", "LOF"),
        "KDE": lambda _: FromPyOD("kde", "KDE"),
        "MCD": lambda seed: FromPyOD("mcd", "MCD", random_state=seed),
        "ECOD": lambda _: FromPyOD("ecod", "ECOD"),
        "IForest": lambda seed: FromPyOD("iforest", "IForest", random_state=seed),
        "INNE": lambda seed: FromPyOD("inne", "INNE", random_state=seed),
    }
    return [Method(f"PyOD {name}", make, "PyOD") for name, make in makers.items()]


def _scikit_learn(*, robust_covariance: bool) -> list[Method]:
    makers = {
        "sklearn LOF": lambda _: LocalOutlierFactor(novelty=True),
        # PyOD KDE is this class with its default bandwidth, so here it has the one of KD Scott.
        "sklearn KernelDensity Scott": lambda _: KernelDensity(bandwidth="scott"),
    }
    if robust_covariance:
        makers["sklearn EllipticEnvelope"] = lambda seed: EllipticEnvelope(random_state=seed)
    return [Method(name, make, "scikit-learn") for name, make in makers.items()]
