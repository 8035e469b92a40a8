"""The scorers of arrays: without labels, with class labels, and with a linear head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from skood import (
    ASHTransformer,
    FDBDScorer,
    GENScorer,
    KernelDensityOutlierDetector,
    KLMatchingScorer,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    NCIScorer,
    NNGuideScorer,
    OutlierEnsemble,
    PartialWhitener,
    ReActTransformer,
    ResidualScorer,
    SCALETransformer,
    SHEScorer,
    ViMScorer,
    make_outlier_detector,
)
from skood.deep import EnergyScorer, MaxLogitScorer, MSPScorer


class Head(NamedTuple):
    """A linear layer."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, X: NDArray) -> NDArray[np.float64]:
        """Logits of rows, (m, n_classes)."""
        return X @ self.weight.T + self.bias


PRESET, KNN, MD = "preset `embedding`", "kNN", "MD"
LABEL_FREE: dict[str, Callable[[], Any]] = {
    PRESET: lambda: make_outlier_detector("embedding"),
    KNN: KNNOutlierDetector,
    "kNN, cosine": lambda: KNNOutlierDetector(metric="cosine"),
    "LCP": LCPOutlierDetector,
    "LCP, cosine": lambda: LCPOutlierDetector(metric="cosine"),
    "LCP, cosine, `locality=0.5`": lambda: LCPOutlierDetector(metric="cosine", locality=0.5),
    "LCP on whitened rows of length 1": lambda: make_pipeline(
        PartialWhitener(0.5, length_power=1.0), LCPOutlierDetector()
    ),
    "LOF": LOFOutlierDetector,
    "kernel density": KernelDensityOutlierDetector,
    MD: MahalanobisOutlierDetector,
    "MD, `normalize`": lambda: MahalanobisOutlierDetector(normalize=True),
    "Residual": ResidualScorer,
    "COMBOOD": lambda: OutlierEnsemble(
        [
            ("knn", make_pipeline(Normalizer(), KNNOutlierDetector())),
            ("md", MahalanobisOutlierDetector()),
        ],
        combine="sum",
        random_state=0,
    ),
}
LABELLED: dict[str, Callable[[], Any]] = {
    "MD by class": MahalanobisOutlierDetector,
    "MD by class, `normalize`": lambda: MahalanobisOutlierDetector(normalize=True),
    "MD, `relative`": lambda: MahalanobisOutlierDetector(relative=True),
    "MD, `relative`, empirical": lambda: MahalanobisOutlierDetector(
        covariance="empirical", relative=True
    ),
}
ON_FEATURES: dict[str, Callable[[Head], Any]] = {
    "ViM": ViMScorer,
    "fDBD": FDBDScorer,
    "NNGuide": NNGuideScorer,
    "SHE": SHEScorer,
    "NCI": NCIScorer,
}
ON_LOGITS: dict[str, list[Any]] = {  # the transformers before the head, and the scorer after it
    "MSP": [MSPScorer()],
    "MaxLogit": [MaxLogitScorer()],
    "Energy": [EnergyScorer()],
    "GEN": [GENScorer()],
    "KL matching": [KLMatchingScorer()],
    "ReAct, Energy": [ReActTransformer(), EnergyScorer()],
    "ASH-S, Energy": [ASHTransformer(), EnergyScorer()],
    "SCALE, Energy": [SCALETransformer(), EnergyScorer()],
}
WITH_LABELS = (*LABELLED, *ON_FEATURES, *ON_LOGITS)
METHODS = (*LABEL_FREE, *WITH_LABELS)


def fitted_head(X: NDArray, y: NDArray) -> Head:
    """A logistic regression on standardised features, as skood fits it where no head is given."""
    scorer = FDBDScorer().fit(X, y)
    return Head(scorer.coef_, scorer.intercept_)


def estimator(name: str, head: Head) -> Any:
    """The estimator of rows of features."""
    if name in ON_LOGITS:
        *before, scorer = map(clone, ON_LOGITS[name])
        return make_pipeline(*before, FunctionTransformer(head.logits), scorer)
    if name in ON_FEATURES:
        return ON_FEATURES[name](head)
    return (LABEL_FREE | LABELLED)[name]()
