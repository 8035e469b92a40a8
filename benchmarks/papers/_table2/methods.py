"""The methods of Table 2: scores of all reported sets by one net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from _table2.context import BATCH, Context
from skood import (
    ASHTransformer,
    FDBDScorer,
    FSSDScorer,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    NNGuideScorer,
    ReActTransformer,
    SHEScorer,
    ViMScorer,
)
from skood.deep import (
    DeepEnsembleScorer,
    EnergyScorer,
    MahalanobisLayerScorer,
    MaxLogitScorer,
    MCDropoutScorer,
    MSPScorer,
    ODINScorer,
)

Scores = dict[str, np.ndarray]  # by set; "" is the in-distribution one
DROPOUT_SAMPLES = 16


@dataclass(frozen=True)
class Method:
    """A line of the table."""

    name: str
    score: Callable[[Context], Scores]
    paper: str = ""  # its column in the paper's table
    of_other_nets: bool = False  # an ensemble of all other nets


def label_free() -> list[Method]:
    """The methods without out-of-distribution rows."""
    return [
        Method("Base: max softmax", _by_logits(MSPScorer), "Base"),
        Method("MaxLogit", _by_logits(MaxLogitScorer)),
        Method("Energy", _by_logits(EnergyScorer)),
        Method("ODIN, as published", _odin),
        Method("MC dropout, max softmax", _dropout, "MCD"),
        Method("Deep ensemble, max softmax", _ensemble("max_softmax"), "DE", of_other_nets=True),
        Method(
            "Deep ensemble, mutual information", _ensemble("mutual_information"), of_other_nets=True
        ),
        Method("Maha, layers summed", _maha),
        Method("FSSD, equal weights", _fssd("sum")),
        Method("FSSD, profile", _fssd("profile")),
        Method("LCP, layers summed", _lcp),
        Method("kNN, penultimate", _by_penultimate(lambda _: KNNOutlierDetector())),
        Method("MD, penultimate", _by_penultimate(lambda _: MahalanobisOutlierDetector())),
        Method(
            "MD, normalised",
            _by_penultimate(lambda _: MahalanobisOutlierDetector(normalize=True)),
        ),
        Method(
            "MD, relative", _by_penultimate(lambda _: MahalanobisOutlierDetector(relative=True))
        ),
        Method("ViM", _by_penultimate(lambda net: ViMScorer(head=net.head))),
        Method("fDBD", _by_penultimate(lambda net: FDBDScorer(head=net.head))),
        Method("NNGuide", _by_penultimate(lambda net: NNGuideScorer(head=net.head))),
        Method("SHE", _by_penultimate(lambda net: SHEScorer(head=net.head))),
        Method("ReAct, energy", _transformed(lambda: ReActTransformer())),
        Method("ASH-S, energy", _transformed(lambda: ASHTransformer())),
    ]


def _by_logits(make: Callable[[], Any]) -> Callable[[Context], Scores]:
    def score(net: Context) -> Scores:
        scorer = make().fit(net.logits(net.train))
        return {name: scorer.score_samples(net.logits(X)) for name, X in net.reported.items()}

    return score


def _by_penultimate(make: Callable[[Context], Any]) -> Callable[[Context], Scores]:
    def score(net: Context) -> Scores:
        scorer = make(net).fit(net.penultimate(net.train), net.data.y)
        return {name: scorer.score_samples(net.penultimate(X)) for name, X in net.reported.items()}

    return score


def _transformed(make: Callable[[], Any]) -> Callable[[Context], Scores]:
    """The energy of the logits that the last linear layer makes of changed features."""

    def score(net: Context) -> Scores:
        weight, bias = net.head
        transformer = make().fit(net.penultimate(net.train))

        def logits(X: np.ndarray) -> np.ndarray:
            return transformer.transform(net.penultimate(X)) @ weight.T + bias

        scorer = EnergyScorer().fit(logits(net.train))
        return {name: scorer.score_samples(logits(X)) for name, X in net.reported.items()}

    return score


def _odin(net: Context) -> Scores:
    return net.scores(ODINScorer(net.net, batch_size=BATCH).fit(net.split.validation))


def _dropout(net: Context) -> Scores:
    scorer = MCDropoutScorer(
        net.net, n_samples=DROPOUT_SAMPLES, batch_size=BATCH, random_state=net.seed
    )
    return net.scores(scorer.fit(net.split.validation))


def _ensemble(measure: str) -> Callable[[Context], Scores]:
    """All nets but that of this seed: each net has another ensemble."""

    def score(net: Context) -> Scores:
        others = [other for i, other in enumerate(net.nets) if i != net.seed]
        scorer = DeepEnsembleScorer(others, measure=measure, batch_size=BATCH)
        return net.scores(scorer.fit(net.split.validation))

    return score


def _by_layers(scorer: Any, net: Context) -> Scores:
    scorer.fit(net.layers(net.train), net.data.y)
    return {name: scorer.score_samples(net.layers(X)) for name, X in net.reported.items()}


def _maha(net: Context) -> Scores:
    return _by_layers(MahalanobisLayerScorer(groups=net.widths, random_state=0), net)


def _lcp(net: Context) -> Scores:
    ensemble = LayerEnsemble(LCPOutlierDetector(), groups=net.widths, random_state=0)
    return _by_layers(ensemble, net)


def _fssd(combine: str) -> Callable[[Context], Scores]:
    def score(net: Context) -> Scores:
        scorer = FSSDScorer(net.extractor(reduce="flatten"), combine=combine, random_state=net.seed)
        return net.scores(scorer.fit(net.data.X))

    return score
