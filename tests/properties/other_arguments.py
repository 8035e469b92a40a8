"""Further public callables, and the arguments of a valid call of each; see `bad_arguments`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import skood
from skood import comparison
from skood._optional import is_installed
from skood.model_selection import ood_scorer, prefer_default
from skood.neighbors import ExactIndex, FaissIndex, PyNNDescentIndex
from skood.preprocessing import CategoryEncoder

from ..detectors import RAW_INPUTS, rows

X, LABELS = rows(40, 4), np.repeat([0, 1, 2, 3], 10)
SIGNS = np.resize([1, -1], 40)
Calls = list[tuple[str, Any, dict[str, Any]]]


def others() -> Calls:
    """The name, a function, and the arguments of a valid call."""
    return [*_functions(), *_files(), *_estimators(), *_of_torch(), *_of_dask()]


def _functions() -> Calls:
    knn = skood.KNNOutlierDetector().fit(X)

    def scored(metric: Any) -> Any:
        return ood_scorer(metric)(knn, X, SIGNS)

    def preferred(**arguments: Any) -> Any:
        results = {
            "params": [{"n": 1}, {"n": 2}],
            "mean_test_score": np.array([0.5, 0.6]),
            "std_test_score": np.array([0.1, 0.1]),
            "split0_test_score": np.array([0.5, 0.6]),
            "split1_test_score": np.array([0.5, 0.6]),
        }
        return prefer_default(**arguments)(results)

    protocol = {"y": LABELS, "n_splits": 2, "n_clusters": None, "random_state": 0}
    compared = {
        "X": X,
        "y": LABELS,
        "detectors": {"md": skood.MahalanobisOutlierDetector},
        "protocol": comparison.choose_protocol(LABELS, n_splits=2),
        "n_bootstrap": 2,
        "random_state": 0,
    }
    found: Calls = [
        (
            "make_outlier_detector",
            skood.make_outlier_detector,
            {"kind": "tabular", "robust": False},
        ),
        ("explain", skood.explain, {"estimator": knn, "X": X[:2]}),
        ("ood_scorer", scored, {"metric": "auroc"}),
        ("prefer_default", preferred, {"default_params": {"n": 1}, "standard_errors": 1.0}),
        ("choose_protocol", comparison.choose_protocol, protocol),
        ("compare_detectors", comparison.compare_detectors, compared),
        (
            "load_digits_ood",
            skood.datasets.load_digits_ood,
            {"test_size": 0.3, "n_far": 40, "random_state": 0},
        ),
    ]
    return found


def _files() -> Calls:
    if not is_installed("skops"):
        return []
    folder = Path(tempfile.mkdtemp())
    detector, path = skood.KNNOutlierDetector().fit(X), folder / "d.skood"
    skood.save(detector, path)
    np.save(folder / "X.npy", X)

    def saved(**arguments: Any) -> Any:
        skood.save(**{"estimator": detector, "path": folder / "o.skood", **arguments})

    saving = {"estimator": detector, "architectures": None, "notes": {"a": 1}}
    loading = {"path": path, "trusted": (), "modules": None, "rows": None}
    return [
        ("save", saved, saving),
        ("load", skood.load, loading),
        ("read_manifest", skood.storage.read_manifest, {"path": path}),
        ("open_rows", skood.open_rows, {"path": folder / "X.npy", "columns": None}),
    ]


def _of(estimator: Any, X: Any = X, y: Any = LABELS) -> tuple[str, Any, dict[str, Any]]:
    def fit(**parameters: Any) -> Any:
        return type(estimator)(**parameters).fit(X, y)

    return type(estimator).__name__, fit, estimator.get_params(deep=False)


def _estimators() -> Calls:
    texts = np.resize(["a", "b"], (40, 2)).astype(object)
    gate = skood.OODGate(LogisticRegression(), skood.KNNOutlierDetector())
    estimators = [skood.TableScaler(), gate, ExactIndex()]
    estimators += [FaissIndex()] if is_installed("faiss") else []
    estimators += [PyNNDescentIndex()] if is_installed("pynndescent") else []
    found = [_of(estimator) for estimator in estimators]

    def kept(**parameters: Any) -> Any:
        return skood.ReferenceStore(**parameters).partial_fit(X)

    found.append(("ReferenceStore", kept, skood.ReferenceStore(10).get_params()))
    found.append(("CategoryEncoder.fit", CategoryEncoder().fit, {"X": texts}))
    fitted = gate.fit(X, LABELS)
    found.append(("OODGate.predict", fitted.predict, {"X": X}))
    found.append(("TableScaler.transform", skood.TableScaler().fit(X).transform, {"X": X}))
    return found


def _of_torch() -> Calls:
    if not is_installed("torch"):
        return []
    import torch
    from torch import nn

    from skood import deep

    found: Calls = []
    for case in RAW_INPUTS:
        scorer = case.make()
        found.append(_of(scorer, X, None))
        found.append((f"{case.name}.score_samples", scorer.fit(X).score_samples, {"X": X}))
    features = deep.TorchFeatureTransformer(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), ["0"])
    coder = deep.AutoencoderTransformer((4,), 2, epochs=1, random_state=0)
    found += [_of(features), _of(coder)]
    for transformer in (features, coder):
        name = type(transformer).__name__
        found.append((f"{name}.transform", transformer.fit(X).transform, {"X": X}))
    logits = {"logits": torch.eye(3), "labels": torch.arange(3), "outlier_logits": torch.eye(3)}
    found.append(("outlier_exposure_loss", deep.outlier_exposure_loss, {**logits, "weight": 0.5}))
    return found


def _of_dask() -> Calls:
    if not is_installed("distributed"):
        return []
    from skood.parallel import DaskOutlierDetector, ShardedIndex

    def over_shards(**parameters: Any) -> Any:
        return skood.KNNOutlierDetector(algorithm=ShardedIndex(**parameters)).fit(X)

    over = DaskOutlierDetector(skood.KNNOutlierDetector())
    found: Calls = [_of(over), ("DaskOutlierDetector.fit", over.fit, {"X": X, "y": LABELS})]
    found.append(("DaskOutlierDetector.predict", over.fit(X).predict, {"X": X}))
    found.append(("ShardedIndex", over_shards, {"index": "exact", "n_shards": 2}))
    return found
