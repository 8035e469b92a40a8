"""The numbers of a comparison over many sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .intervals import Interval

_RESAMPLES = 2_000


class SetFacts(NamedTuple):
    """The name of a set, its group of one origin, and its numbers of rows."""

    name: str
    group: str
    n_train: int
    n_features: int
    n_in: int
    n_out: int


@dataclass(frozen=True)
class SuiteComparison:
    """The result of `compare_on_suite`. Arrays have a row per detector and a column per set.

    Attributes
    ----------
    detectors : tuple of str
        Names of the detectors.
    sets : tuple of SetFacts
        The sets.
    auroc : ndarray of shape (n_detectors, n_sets)
        Fractions in [0, 1]; 0.5 if a detector fails.
    fit_seconds, score_seconds : ndarray of shape (n_detectors, n_sets)
        Time to fit, and to score the test rows; NaN if a detector fails before.
    failures : dict of (str, str) to str
        Errors by detector and set.
    """

    detectors: tuple[str, ...]
    sets: tuple[SetFacts, ...]
    auroc: NDArray[np.float64]
    fit_seconds: NDArray[np.float64]
    score_seconds: NDArray[np.float64]
    failures: dict[tuple[str, str], str]

    def order(self) -> list[str]:
        """The detectors, from the largest mean AUROC to the smallest."""
        places = np.argsort(-self.auroc.mean(axis=1), kind="stable")
        return [self.detectors[place] for place in places]

    def ranks(self) -> NDArray[np.float64]:
        """Rank of each detector in each set by AUROC; 1 is the best, ties share a rank."""
        return stats.rankdata(-self.auroc, method="average", axis=0)

    def lead(self, detector: str, other: str, *, confidence_level: float = 0.95) -> LeadOver:
        """By how much one detector leads another in AUROC, set by set.

        Parameters
        ----------
        detector, other : str
            Names of detectors.
        confidence_level : float, default=0.95
            Nominal coverage of the interval.

        Returns
        -------
        LeadOver
            The mean over sets, its interval over resampled groups of sets, and numbers of sets.
        """
        first, second = (self.auroc[self.detectors.index(name)] for name in (detector, other))
        leads = first - second
        codes = np.unique([one.group for one in self.sets], return_inverse=True)[1]
        sums, sizes = np.bincount(codes, leads), np.bincount(codes)
        rng = np.random.default_rng(0)
        drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), _RESAMPLES)
        means = (drawn @ sums) / (drawn @ sizes)
        ends = np.quantile(means, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
        counts = (int(np.sum(leads > 0)), int(np.sum(leads == 0)), int(np.sum(leads < 0)))
        return LeadOver(float(leads.mean()), Interval(*ends.tolist()), *counts)

    def critical_difference(self, alpha: float = 0.05) -> float:
        """The difference of mean ranks below which chance may explain it, by the test of Nemenyi.

        Parameters
        ----------
        alpha : float, default=0.05
            Level of the test, over all pairs of detectors together.

        Returns
        -------
        float
            In ranks (Demsar 2006, Statistical comparisons of classifiers over multiple data sets,
            section 3.2.2). It assumes independent sets.
        """
        k, n = self.auroc.shape
        if k < 2:
            return 0.0
        q = float(stats.studentized_range.ppf(1 - alpha, k, np.inf)) / np.sqrt(2)
        return q * float(np.sqrt(k * (k + 1) / (6 * n)))


class LeadOver(NamedTuple):
    """The lead of a detector over another: a fraction of 1."""

    mean: float
    interval: Interval
    n_ahead: int
    n_equal: int
    n_behind: int
