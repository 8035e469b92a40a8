"""The numbers of a comparison, for the report, the CSV file and the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .intervals import METRICS, Interval, fold_interval, row_interval
from .protocol import Fold, Protocol


class Estimate(NamedTuple):
    """A metric of one detector, or the difference between two: a fraction of 1.

    With Student's interval of the mean over folds (None for a single fold), and the bootstrap
    interval over rows (None without resamples).
    """

    mean: float
    over_folds: Interval | None
    over_rows: Interval | None


@dataclass(frozen=True)
class Comparison:
    """The result of `compare_detectors`. Arrays have a row per detector and a column per fold.

    Attributes
    ----------
    protocol : Protocol
        The division of the rows.
    folds : tuple of Fold
        The folds.
    detectors : tuple of str
        Names of the detectors that ran in every fold.
    failures : dict of str to str
        Names of the other detectors, with their errors.
    warnings : dict of str to int
        Warnings of the detectors, with the number of folds.
    values : dict of str to ndarray of shape (n_detectors, n_folds)
        "auroc", "aupr_in", "aupr_out" and "fpr95", fractions in [0, 1].
    flagged_in, flagged_out : ndarray of shape (n_detectors, n_folds)
        Share of the ID and of the OoD test rows that `predict` flags.
    fit_seconds, score_seconds : ndarray of shape (n_detectors, n_folds)
        Time to fit, and time to score the test rows.
    resampled : ndarray of shape (n_detectors, n_bootstrap, 4)
        The metrics' means over folds in each resample of the rows.
    confidence_level : float
        Nominal coverage of the intervals.
    """

    protocol: Protocol
    folds: tuple[Fold, ...]
    detectors: tuple[str, ...]
    failures: dict[str, str]
    warnings: dict[str, int]
    values: dict[str, NDArray[np.float64]]
    flagged_in: NDArray[np.float64]
    flagged_out: NDArray[np.float64]
    fit_seconds: NDArray[np.float64]
    score_seconds: NDArray[np.float64]
    resampled: NDArray[np.float64]
    confidence_level: float

    def estimate(self, detector: str, metric: str) -> Estimate:
        """The mean of a metric over the folds, and both intervals."""
        place = self.detectors.index(detector)
        values = self.values[metric][place]
        return Estimate(
            float(values.mean()),
            fold_interval(values, self.confidence_level),
            row_interval(self.resampled[place, :, METRICS.index(metric)], self.confidence_level),
        )

    def ranks(self) -> NDArray[np.float64]:
        """Rank of each detector in each fold by AUROC; 1 is the best, ties share a rank."""
        return rankdata(-self.values["auroc"], method="average", axis=0)

    def wins(self) -> NDArray[np.float64]:
        """Number of folds with the largest AUROC for each detector; m equal ones get 1/m each."""
        auroc = self.values["auroc"]
        best = auroc == auroc.max(axis=0)
        return (best / best.sum(axis=0)).sum(axis=1)

    def order(self) -> list[str]:
        """The detectors, from the largest mean AUROC to the smallest."""
        places = np.argsort(-self.values["auroc"].mean(axis=1), kind="stable")
        return [self.detectors[place] for place in places]

    def lead(self, detector: str) -> Estimate:
        """The lead of the best detector in AUROC, on the same folds and the same resamples."""
        best, other = self.detectors.index(self.order()[0]), self.detectors.index(detector)
        leads = self.values["auroc"][best] - self.values["auroc"][other]
        means = self.resampled[:, :, METRICS.index("auroc")]
        return Estimate(
            float(leads.mean()),
            fold_interval(leads, self.confidence_level),
            row_interval(means[best] - means[other], self.confidence_level),
        )
