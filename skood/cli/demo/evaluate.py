"""Fits one detector, scores sets of rows, and measures how well it separates them."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ..._validation import last_step
from ...metrics import aupr_in, aupr_out, auroc, fpr_at_tpr


@dataclass(frozen=True)
class Outcome:
    """Scores and predictions of one detector for each set ("id", "near", "far"), and its times."""

    detector: str
    scores: dict[str, np.ndarray]
    predictions: dict[str, np.ndarray]
    threshold: float
    fit_seconds: float
    score_seconds: float

    def measures(self, ood: str) -> dict[str, float]:
        """Return the measures of the set `ood` against the held-out ID rows, as fractions."""
        scores = np.concatenate([self.scores["id"], self.scores[ood]])
        labels = np.repeat([1, -1], [len(self.scores["id"]), len(self.scores[ood])])
        return {
            "AUROC": auroc(labels, scores),
            "AUPR-in": aupr_in(labels, scores),
            "AUPR-out": aupr_out(labels, scores),
            "FPR95": fpr_at_tpr(labels, scores, tpr=0.95),
            "flagged ID": float(np.mean(self.predictions["id"] == -1)),
            "flagged OoD": float(np.mean(self.predictions[ood] == -1)),
        }


def fit_timed(estimator: Any, X: np.ndarray, y: np.ndarray | None = None) -> float:
    """Fit the estimator, with classes if given; return the seconds."""
    start = perf_counter()
    estimator.fit(X, y)
    return perf_counter() - start


def evaluate(
    detector: str, estimator: Any, sets: Mapping[str, np.ndarray], fit_seconds: float
) -> Outcome:
    """Score all sets in one call with a fitted estimator, and split the scores into sets."""
    X = np.concatenate(list(sets.values()))
    start = perf_counter()
    scores = estimator.score_samples(X)
    score_seconds = perf_counter() - start
    ends = np.cumsum([len(rows) for rows in sets.values()])[:-1]
    return Outcome(
        detector=detector,
        scores=dict(zip(sets, np.split(scores, ends), strict=True)),
        predictions=dict(zip(sets, np.split(estimator.predict(X), ends), strict=True)),
        threshold=float(last_step(estimator).offset_),
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
    )
