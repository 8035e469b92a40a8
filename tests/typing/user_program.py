"""A user's program. `mypy --strict` checks it, and a test runs it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it has no types

import skood
from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OODGate,
    OutlierEnsemble,
    OutlierPipeline,
    PartialWhitener,
    TableScaler,
    explain,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.explanation import Explanation
from skood.metrics import OODReport, auroc, ood_report
from skood.model_selection import LeaveClassesOut, ood_scorer
from skood.monitoring import ConformalMonitor, MonitorUpdate
from skood.neighbors import ExactIndex, NeighborIndex


def rows(seed: int, n: int = 120) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, 4))


def score(detector: OutlierPipeline, new: NDArray[np.float64]) -> list[float]:
    scores = assert_type(detector.score_samples(new), NDArray[np.float64])
    decisions = assert_type(detector.predict(new), NDArray[np.intp])
    assert scores.shape == decisions.shape == (len(new),)
    return [float(value) for value in scores - assert_type(detector.offset_, float)]


def use_detectors() -> None:
    X, new = rows(0), np.concatenate([rows(1, 20), rows(2, 20) + 9.0])
    detector = make_outlier_detector("embedding", random_state=0)
    fitted = assert_type(detector.fit(X), OutlierPipeline)
    assert len(score(fitted, new)) == len(new)
    own = make_outlier_pipeline(PartialWhitener(1.0), LCPOutlierDetector(), n_folds=5).fit(X)
    assert len(score(own, new)) == len(new)

    index: NeighborIndex = ExactIndex()
    knn = KNNOutlierDetector(n_neighbors=3, algorithm=index).fit(X)
    grown = assert_type(knn.partial_fit(rows(3)), KNNOutlierDetector)
    assert len(assert_type(grown.training_indices_, NDArray[np.intp])) == 240

    labels = np.repeat([1, -1], 20)
    area = assert_type(auroc(labels, knn.score_samples(new)), float)
    report = assert_type(ood_report(labels, knn.score_samples(new)), OODReport)
    print(f"AUROC {area:.2f}", report.auroc.value)

    members = [("knn", KNNOutlierDetector()), ("md", MahalanobisOutlierDetector())]
    ensemble = OutlierEnsemble(members, random_state=0).fit(X)
    layers = LayerEnsemble(KNNOutlierDetector(), groups={"left": [0, 1], "right": [2, 3]})
    assert_type(ensemble.score_samples(new), NDArray[np.float64])
    assert_type(layers.fit(X).score_samples(new), NDArray[np.float64])


def decide() -> None:
    X, new = rows(0), rows(1, 20)
    conformal = ConformalOutlierDetector(KNNOutlierDetector(), alpha=0.1, random_state=0).fit(X)
    p = assert_type(conformal.p_values(new), NDArray[np.float64])
    flagged = assert_type(conformal.predict(new), NDArray[np.intp])
    assert ((p <= 0.1) == (flagged == -1)).all()

    scaler = assert_type(TableScaler().fit(X), TableScaler)
    assert len(scaler.transform(new)) == len(new)

    explanation = assert_type(explain(KNNOutlierDetector().fit(X), new[:3]), Explanation)
    print(assert_type(explanation.reasons(), list[list[str]])[0])

    monitor = ConformalMonitor(KNNOutlierDetector(), random_state=0).fit(X)
    update = assert_type(monitor.update(new), MonitorUpdate)
    assert assert_type(update.alarm, bool) in (True, False)


def choose() -> None:
    X, y = rows(0), np.arange(120) % 3
    for train, test in LeaveClassesOut(random_state=0).split(X, y):
        detector = KNNOutlierDetector().fit(X[assert_type(train, NDArray[np.intp])], y[train])
        test = assert_type(test, NDArray[np.intp])
        print(assert_type(ood_scorer("auroc")(detector, X[test], y[test]), float))
    gate = OODGate(LogisticRegression(), KNNOutlierDetector()).fit(X, y)
    assert len(gate.predict(X)) == len(X)


def keep(folder: Path) -> None:
    path = folder / "detector.skood"
    skood.save(KNNOutlierDetector().fit(rows(0)), path, notes={"by": "me"})
    print(skood.load(path))


def main(folder: Path) -> None:
    use_detectors()
    decide()
    choose()
    keep(folder)
