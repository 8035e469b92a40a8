"""Methods that are tuned on 500 in-distribution and 500 out-of-distribution rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from _table2.context import BATCH, Context
from _table2.methods import Method, Scores
from skood import FSSDScorer, LayerEnsemble, LCPOutlierDetector
from skood.deep import MahalanobisLayerScorer, ODINScorer
from skood.metrics import auroc

TEMPERATURES = (1.0, 10.0, 100.0, 1000.0)
MAHA_PERTURBATIONS = (0.002, 0.01)  # each costs a fit to all training rows
ROWS_TO_CHOOSE_BY = 1000  # training rows that the Mahalanobis scorer weighs layers by meanwhile


def tuned() -> list[Method]:
    return [
        Method("ODIN, tuned", _odin, "ODIN"),
        Method("Maha, logistic", _maha(())),
        Method("Maha, logistic, perturbed", _maha(MAHA_PERTURBATIONS), "Maha"),
        Method("FSSD, logistic", _fssd(perturbed=False)),
        Method("FSSD, logistic, perturbed", _fssd(perturbed=True), "FSSD"),
        Method("FSSD, as in the authors' code", _fssd(perturbed=True, **AUTHORS)),
        Method("LCP, layers, logistic", _lcp),
    ]


# Differs from Algorithm 1 in three ways: noise, size and direction of the perturbation.
AUTHORS: dict[str, Any] = {
    "noise_range": (-0.5, 0.5),
    "gradient": "standardised",
    "direction": "descend",
}


def _best(scorers: Iterable[Any], net: Context) -> Any:
    """The scorer that tells the validation rows apart best."""
    labels = np.repeat([1, -1], [len(net.split.validation), len(net.split.validation_ood)])
    rows = np.concatenate([net.split.validation, net.split.validation_ood])
    return max(scorers, key=lambda scorer: auroc(labels, scorer.score_samples(rows)))


def _odin(net: Context) -> Scores:
    scorers = (
        ODINScorer(net.net, temperature=t, perturbation=p, batch_size=BATCH).fit(
            net.split.validation
        )
        for t in TEMPERATURES
        for p in (0.0, *net.task.perturbations)
    )
    return net.scores(_best(scorers, net))


def _fssd(*, perturbed: bool, **options: Any) -> Callable[[Context], Scores]:
    """Weights of the layers and the perturbation, both learnt from the validation rows."""

    def score(net: Context) -> Scores:
        rows = np.concatenate([net.split.validation, net.split.validation_ood])
        labels = np.repeat([1, -1], [len(net.split.validation), len(net.split.validation_ood)])
        scorers = (
            FSSDScorer(
                net.extractor(reduce="flatten"),
                combine="logistic",
                perturbation=p,
                random_state=net.seed,
                **options,
            ).fit(rows, labels)
            for p in (0.0, *(net.task.perturbations if perturbed else ()))
        )
        return net.scores(_best(scorers, net))

    return score


def _maha(perturbations: tuple[float, ...]) -> Callable[[Context], Scores]:
    """Gaussians of the training rows; weights and perturbation by the validation rows."""

    def score(net: Context) -> Scores:
        X = np.concatenate([net.data.X, net.split.validation_ood])
        y = np.r_[net.data.y, np.full(len(net.split.validation_ood), -1)]
        scorers = (
            MahalanobisLayerScorer(
                net.extractor(),
                combine="logistic",
                perturbation=p,
                threshold_samples=ROWS_TO_CHOOSE_BY,
                random_state=0,
            ).fit(X, y)
            for p in (0.0, *perturbations)
        )
        return net.scores(_best(scorers, net))

    return score


def _lcp(net: Context) -> Scores:
    outside = net.layers(net.validation[1])
    X = np.concatenate([net.layers(net.train), outside])
    y = np.r_[np.ones(len(net.train), dtype=int), np.full(len(outside), -1)]
    ensemble = LayerEnsemble(
        LCPOutlierDetector(), groups=net.widths, combine="logistic", random_state=0
    ).fit(X, y)
    return {name: ensemble.score_samples(net.layers(X)) for name, X in net.reported.items()}
