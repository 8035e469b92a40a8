"""One detector on every fold."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._validation import last_step, select_rows
from ...metrics import ood_report
from ..demo.evaluate import fit_timed
from .intervals import METRICS, resampled_means
from .protocol import Fold, Protocol
from .steps import Steps


class DetectorRun:
    """One detector, fold after fold."""

    def __init__(
        self, name: str, make: Callable[[], Any], X: Any, y: NDArray[Any] | None, protocol: Protocol
    ) -> None:
        self.name, self.make, self.X, self.y, self.protocol = name, make, X, y, protocol
        self.scores: list[NDArray[Any]] = []
        self.numbers: list[dict[str, float]] = []
        self.warnings = Counter[str]()

    def run(self, folds: Sequence[Fold], times: NDArray[np.uint16], steps: Steps) -> str | None:
        """Run all folds, then the resamples; return the error of the detector, if it has one."""
        try:
            for place, fold in enumerate(folds):
                steps.announce(place, f"{self.name}, {fold.name} left out")
                self._add(fold)
        except (ValueError, np.linalg.LinAlgError, MemoryError) as error:
            steps.next_detector()
            where = folds[len(self.scores)].name
            return f"{where} left out: {_one_line(error) or type(error).__name__}"
        steps.announce(len(folds), f"{self.name}, resamples")
        self.resampled = resampled_means(folds, self.scores, times)
        steps.next_detector()
        return None

    def _add(self, fold: Fold) -> None:
        """Fit and score. Keep warnings for the report: they would break the progress line."""
        labels = self.protocol.training_labels(self.y, fold)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            detector = self.make()
            fit_seconds = fit_timed(detector, select_rows(self.X, fold.train), labels)
            X_test = select_rows(self.X, fold.test)
            start = perf_counter()
            scores = detector.score_samples(X_test)
            score_seconds = perf_counter() - start
        self.warnings.update({f"{self.name}: {_one_line(warning.message)}" for warning in caught})
        # The decisions of predict, without scoring once more.
        flagged = scores < last_step(detector).offset_
        report = ood_report(np.where(fold.is_in, 1, -1), scores, n_bootstrap=0)
        self.numbers.append(
            {metric: report[metric].value for metric in METRICS}
            | {
                "flagged_in": float(flagged[fold.is_in].mean()),
                "flagged_out": float(flagged[~fold.is_in].mean()),
                "fit_seconds": fit_seconds,
                "score_seconds": score_seconds,
            }
        )
        self.scores.append(scores)

    def column(self, name: str) -> list[float]:
        """One of the numbers, fold by fold."""
        return [numbers[name] for numbers in self.numbers]


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
