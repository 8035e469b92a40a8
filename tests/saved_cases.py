"""Estimators that are saved and loaded again: the property table, and others built of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import (
    ActiveNeuronSelector,
    ConformalOutlierDetector,
    FSSDScorer,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    OODGate,
    SHEScorer,
    make_outlier_detector,
)
from skood._optional import is_installed
from skood.model_selection import LeaveClassesOut, ood_scorer
from skood.neighbors import ExactIndex, FaissIndex, KDTreeIndex, PyNNDescentIndex

from .detectors import CALIBRATED, DETECTORS, RAW_INPUTS, TRANSFORMERS, VARIANTS, rows

HERE = __name__


@dataclass(frozen=True)
class Saved:
    """An estimator, its training rows, its queries, and the architectures of its modules."""

    name: str
    make: Callable[[], Any]
    X: NDArray
    Q: NDArray
    y: Any = None
    architectures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def answer(estimator: Any, Q: NDArray) -> NDArray:
    """The output of an estimator for rows: scores, features or distances."""
    if hasattr(estimator, "score_samples"):
        return estimator.score_samples(Q)
    if hasattr(estimator, "query"):
        return estimator.query(Q, 3).distances
    return estimator.transform(Q) if hasattr(estimator, "transform") else estimator.predict(Q)


_X, _Q = rows(), np.vstack([rows(9, seed=1), rows()[:3]])
_LABELS = np.repeat([0, 1, 2], 20)
_WIDE, _WIDE_Q = rows(400, 24, dtype=np.float32), rows(9, 24, seed=1, dtype=np.float32)
_TABLE_NETS = {
    "ODIN": {"module": f"{HERE}:odin_net"},
    "DeepEnsemble": {"modules__0": f"{HERE}:pooled_net", "modules__1": f"{HERE}:odin_net"},
    "MCDropout": {"module": f"{HERE}:dropout_net"},
}

CASES = [
    Saved(case.name, case.make, _X, _Q, architectures=_TABLE_NETS.get(case.name, {}))
    for case in DETECTORS + VARIANTS + CALIBRATED + RAW_INPUTS + TRANSFORMERS
]
CASES += [
    Saved("tabular", lambda: make_outlier_detector("tabular"), _X, _Q),
    Saved("embedding", lambda: make_outlier_detector("embedding"), _WIDE, _WIDE_Q),
    Saved("robust", lambda: make_outlier_detector(robust=True), _X, _Q),
    Saved(
        "conformal by class",
        lambda: ConformalOutlierDetector(
            make_pipeline(StandardScaler(), LCPOutlierDetector()),
            class_conditional=True,
            alpha=0.3,
            random_state=0,
        ),
        _X,
        _Q,
        _LABELS,
    ),
    Saved(
        "gate",
        lambda: OODGate(LogisticRegression(), KNNOutlierDetector(), reject_label="none"),
        _X,
        _Q,
        np.array(["a", "b", "c"])[_LABELS],
    ),
    Saved(
        "layers of pipelines",
        lambda: LayerEnsemble(
            make_pipeline(ActiveNeuronSelector(), KNNOutlierDetector()),
            groups=[slice(np.int64(0), np.int64(2)), range(2, 4)],
        ),
        _X,
        _Q,
    ),
    Saved(
        "search",
        lambda: GridSearchCV(
            KNNOutlierDetector(),
            {"n_neighbors": [1, 5]},
            cv=LeaveClassesOut(2, random_state=0),
            scoring=ood_scorer("auroc"),
        ),
        _X,
        _Q,
        _LABELS,
    ),
    Saved(
        "random state", lambda: KNNOutlierDetector(random_state=np.random.RandomState(3)), _X, _Q
    ),
    Saved("exact", ExactIndex, _WIDE, _WIDE_Q),
    Saved("exact cosine", lambda: KNNOutlierDetector(metric="cosine"), _WIDE, _WIDE_Q),
    Saved("tree", lambda: LCPOutlierDetector(algorithm=KDTreeIndex(leafsize=3)), _X, _Q),
]

if is_installed("faiss"):
    CASES += [
        Saved(
            f"faiss {kind}",
            lambda kind=kind: KNNOutlierDetector(
                algorithm=FaissIndex(kind, exact_below=0, random_state=0)
            ),
            _WIDE,
            _WIDE_Q,
        )
        for kind in ("ivf", "hnsw", "flat")
    ]

if is_installed("pynndescent"):  # few rows: its graph is not built
    CASES += [Saved("pynndescent", lambda: PyNNDescentIndex(random_state=0), _X, _Q)]

if is_installed("torch"):
    import torch
    from torch import nn

    from skood.deep import (
        AutoencoderTransformer,
        MahalanobisLayerScorer,
        MSPScorer,
        TorchFeatureTransformer,
    )

    from .torch_nets import FunctionalNet, images, lenet, pooled, seeded

    def odin_net() -> nn.Module:
        return pooled(nn.Tanh())

    def pooled_net() -> nn.Module:
        return pooled()

    def dropout_net() -> nn.Module:
        return pooled(nn.Dropout(0.3))

    def half_encoder() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 2), nn.Tanh())

    def shared_parts() -> Any:
        """A Pipeline whose last step holds a layer of the network in the first step."""
        net = seeded(FunctionalNet)
        return make_pipeline(TorchFeatureTransformer(net), SHEScorer(head=net.logits))

    _IMAGES, _NEW_IMAGES = images(), images(9, seed=1)
    _IMAGE_LABELS = np.arange(len(_IMAGES)) % 2
    _LENET = f"{lenet.__module__}:lenet"
    _NET = {"feature_extractor__module": _LENET}

    def _features() -> Any:
        return TorchFeatureTransformer(lenet(), ["conv1", "conv2", "hidden"], device="cpu")

    _QUICK = {"epochs": 2, "random_state": 0, "device": torch.device("cpu")}
    CASES += [
        Saved("torch features", _features, _IMAGES, _NEW_IMAGES, architectures={"module": _LENET}),
        Saved(
            "layers of a net",
            lambda: LayerEnsemble(LCPOutlierDetector(), feature_extractor=_features()),
            _IMAGES,
            _NEW_IMAGES,
            architectures=_NET,
        ),
        Saved(
            "FSSD of a net",
            lambda: FSSDScorer(_features(), perturbation=0.01, random_state=0),
            _IMAGES,
            _NEW_IMAGES,
            architectures=_NET,
        ),
        Saved(
            "Mahalanobis layers of a net",
            lambda: MahalanobisLayerScorer(_features(), perturbation=0.01),
            _IMAGES,
            _NEW_IMAGES,
            _IMAGE_LABELS,
            architectures=_NET,
        ),
        Saved("built by its class", lambda: MSPScorer(seeded(FunctionalNet)), _IMAGES, _NEW_IMAGES),
        Saved("shared parts", shared_parts, _IMAGES, _NEW_IMAGES, _IMAGE_LABELS),
        Saved("dense", lambda: AutoencoderTransformer((5,), 2, **_QUICK), _X, _Q),
        Saved(
            "conv in a pipeline",
            lambda: make_pipeline(
                AutoencoderTransformer((5,), 3, architecture="conv", channels=(2,), **_QUICK),
                LCPOutlierDetector(n_neighbors=5, perplexity=3.0),
            ),
            _IMAGES,
            _NEW_IMAGES,
        ),
        Saved(
            "own encoder",
            lambda: AutoencoderTransformer(encoder=seeded(half_encoder), **_QUICK),
            _X,
            _Q,
            architectures={"encoder": f"{HERE}:half_encoder"},
        ),
    ]
