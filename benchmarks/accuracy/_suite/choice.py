"""The choice of members and weights of the tabular presets, on one half of the origins."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _common.report import markdown_table, say
from skood import (
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    NormalScoreTransformer,
    PartialWhitener,
)
from skood.comparison import SuiteSet
from skood.layers.layer_scale import LayerScale
from skood.metrics import auroc

_LIGHT, _TAILS = ("units", "heavy ranks", "ellipse of heavy ranks"), (0.3, 0.6, 1.0)
_RULES: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    **{f"heavy ranks, ellipse {w}": (_LIGHT, (1, 1, w)) for w in (0.1, 0.2, 0.3, 0.5, 1)},
    "heavy ranks": (_LIGHT[:2], (1, 1)),
    "all ranks": (("units", "ranks"), (1, 1)),
    "all ranks, ellipse 0.3": (("units", "ranks", "ellipse of ranks"), (1, 1, 0.3)),
    "all ranks, ellipse 1": (("units", "ranks", "ellipse of ranks"), (1, 1, 1)),
    "all ranks, whitened, ellipse 1": (
        ("units", "ranks", "whitened", "ellipse of ranks"),
        (1, 1, 1, 1),
    ),
}


def _members() -> dict[str, Any]:
    def lcp() -> LCPOutlierDetector:
        return LCPOutlierDetector(threshold_samples=None)

    def md() -> MahalanobisOutlierDetector:
        return MahalanobisOutlierDetector(threshold_samples=None)

    steps = {
        "units": (lcp(),),
        "heavy ranks": (NormalScoreTransformer(), lcp()),
        "ellipse of heavy ranks": (NormalScoreTransformer(outermost=None), md()),
        "ranks": (NormalScoreTransformer(None), lcp()),
        "ellipse of ranks": (NormalScoreTransformer(None, outermost=None), md()),
        "whitened": (PartialWhitener(1.0), lcp()),
    }
    return {name: make_pipeline(StandardScaler(), *some) for name, some in steps.items()}


def choose(sets: Mapping[str, Sequence[SuiteSet]], cache: Path) -> str:
    """Gains over LCP on standardised columns: each rule, on both halves of the origins."""
    cache.mkdir(parents=True, exist_ok=True)
    gains: dict[str, dict[str, list[float]]] = {}
    for suite, ones in sets.items():
        for number, one in enumerate(ones, 1):
            values, tails = _values(one, cache / f"{suite}-{Path(one.name).stem}.npz")
            half = hashlib.sha256(one.group.encode()).digest()[0] % 2
            column = suite if suite == "ADBench" else f"{suite}, half {half + 1}"
            labels = np.where(one.is_in, 1, -1)
            base = auroc(labels, values["units"])
            for rule, score in _scores(values, tails).items():
                gain = 100 * (auroc(labels, score) - base)
                gains.setdefault(rule, {}).setdefault(column, []).append(gain)
            if number % 50 == 0:
                say(f"{suite}: {number} of {len(ones)}")
    columns = sorted({column for row in gains.values() for column in row})
    lines = [
        [rule, *(f"{np.mean(row[c]):+.2f}" for c in columns if c in row)]
        for rule, row in sorted(gains.items(), key=lambda pair: -np.mean(pair[1][columns[1]]))
    ]
    return markdown_table(["rule", *columns], lines)


def _scores(values: Mapping[str, NDArray], tails: float) -> dict[str, NDArray]:
    scores = {rule: _soft(values, *recipe) for rule, recipe in _RULES.items()}
    for limit in _TAILS:
        for heavy in ("all ranks, ellipse 0.3", "all ranks, whitened, ellipse 1"):
            chosen = heavy if tails > limit else "heavy ranks, ellipse 0.3"
            scores[f"tails above {limit}: {heavy}; else heavy ranks, ellipse 0.3"] = scores[chosen]
    return scores


def _soft(
    values: Mapping[str, NDArray], names: Sequence[str], weights: Sequence[float]
) -> NDArray[np.float64]:
    terms = [np.log(w) - values[name] for name, w in zip(names, weights, strict=True)]
    return -np.logaddexp.reduce(terms, axis=0)


def _values(one: SuiteSet, path: Path) -> tuple[dict[str, NDArray], float]:
    """Standardised scores of the test rows by each member, and the mean tail of the columns."""
    if path.exists():
        with np.load(path) as kept:
            return {name: kept[name] for name in kept.files if name != "tails"}, float(
                kept["tails"]
            )
    values = {}
    for name, member in _members().items():
        member.fit(one.X_train)
        scale = LayerScale.fit(np.minimum(member[-1].training_scores_, 0.0), is_distance=True)
        values[name] = scale.standardise(np.minimum(member.score_samples(one.X_test), 0.0))
    kurtosis = NormalScoreTransformer().fit(one.X_train).kurtosis_
    tails = float(np.log1p(np.maximum(kurtosis, 0.0)).mean())
    np.savez(path, tails=tails, **values)
    return values, tails
