"""Every detector on every fold: the numbers that the report, the CSV file and the picture show."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .._validation import check_float, check_int, select_rows
from ..demo.evaluate import fit_timed
from ..metrics import ood_report
from .intervals import (
    METRICS,
    Interval,
    draw_multiplicities,
    fold_interval,
    resampled_means,
    row_interval,
)
from .protocol import Fold, Protocol

LOWER_IS_BETTER = ("fpr95",)
Step = Callable[[int, int, str], None]


class Estimate(NamedTuple):
    """A metric of one detector, or the difference between two.

    Attributes
    ----------
    mean : float
        Mean over the folds, a fraction of 1.
    over_folds, over_rows : Interval or None
        Student's interval of the mean over folds (None of a single fold), and the bootstrap
        interval over rows (None without resamples).
    """

    mean: float
    over_folds: Interval | None
    over_rows: Interval | None


@dataclass(frozen=True)
class Comparison:
    """What `compare_detectors` found. Arrays have a row per detector and a column per fold.

    Attributes
    ----------
    protocol : Protocol
        How the rows were divided.
    folds : tuple of Fold
        The folds.
    detectors : tuple of str
        Those that could be fitted and could score in every fold.
    failures : dict of str to str
        The others, and what they said.
    warnings : dict of str to int
        What detectors warned of, with how often.
    values : dict of str to ndarray of shape (n_detectors, n_folds)
        "auroc", "aupr_in", "aupr_out" and "fpr95", fractions in [0, 1].
    flagged_in, flagged_out : ndarray of shape (n_detectors, n_folds)
        Share of the ID and of the OoD test rows that `predict` flags.
    fit_seconds, score_seconds : ndarray of shape (n_detectors, n_folds)
        Time to fit, and to score the test rows.
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
        """Rank of each detector in each fold by AUROC; 1 is the best, equal ones share a rank."""
        return rankdata(-self.values["auroc"], method="average", axis=0)

    def wins(self) -> NDArray[np.float64]:
        """In how many folds each detector has the largest AUROC; m equal ones get 1/m each."""
        auroc = self.values["auroc"]
        best = auroc == auroc.max(axis=0)
        return (best / best.sum(axis=0)).sum(axis=1)

    def order(self) -> list[str]:
        """The detectors, the one with the largest mean AUROC first."""
        places = np.argsort(-self.values["auroc"].mean(axis=1), kind="stable")
        return [self.detectors[place] for place in places]

    def lead(self, detector: str) -> Estimate:
        """By how much the best one's AUROC is larger, on the same folds and the same resamples."""
        best, other = self.detectors.index(self.order()[0]), self.detectors.index(detector)
        leads = self.values["auroc"][best] - self.values["auroc"][other]
        means = self.resampled[:, :, METRICS.index("auroc")]
        return Estimate(
            float(leads.mean()),
            fold_interval(leads, self.confidence_level),
            row_interval(means[best] - means[other], self.confidence_level),
        )


def compare_detectors(
    X: Any,
    y: NDArray | None,
    detectors: Mapping[str, Callable[[], Any]],
    protocol: Protocol,
    *,
    X_clusters: Any = None,
    n_bootstrap: int = 500,
    confidence_level: float = 0.95,
    random_state: int = 0,
    on_step: Step | None = None,
) -> Comparison:
    """Fit every detector in every fold and measure how well it tells the rows left out.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows, as the detectors take them; also a frame.
    y : ndarray of shape (n_samples,) or None
        Their labels, as the protocol needs them. Where they are classes, detectors are fitted with
        those of the training rows: the Mahalanobis distance is then to the nearest class.
    detectors : mapping of str to callable
        Names, and what builds the detector.
    protocol : Protocol
        How the rows are divided; `choose_protocol` makes one.
    X_clusters : array-like of shape (n_samples, n_columns), default=None
        Numbers to find clusters in, where X has other columns as well. None takes X.
    n_bootstrap : int, default=500
        Resamples of the rows behind the second kind of interval; 0 leaves it out.
    confidence_level : float in (0, 1), default=0.95
        Nominal coverage of the intervals.
    random_state : int, default=0
        Draws the resamples.
    on_step : callable, default=None
        Called as ``on_step(done, total, what)`` before each step.

    Returns
    -------
    Comparison
        The numbers.

    Raises
    ------
    ValueError
        If a parameter is not valid, if the rows cannot be divided, or if every detector fails.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skood import KNNOutlierDetector, MahalanobisOutlierDetector
    >>> from skood.comparison import choose_protocol, compare_detectors
    >>> X, y = load_iris(return_X_y=True)
    >>> found = compare_detectors(
    ...     X,
    ...     y,
    ...     {"knn": KNNOutlierDetector, "md": MahalanobisOutlierDetector},
    ...     choose_protocol(y),
    ...     n_bootstrap=50,
    ... )
    >>> [fold.name for fold in found.folds], found.values["auroc"].shape
    (['2', '1', '0'], (2, 3))
    """
    check_int("compare_detectors", "n_bootstrap", n_bootstrap, 0)
    check_float("compare_detectors", "confidence_level", confidence_level, "(0, 1)")
    folds = tuple(protocol.folds(X if X_clusters is None else X_clusters, y))
    groups = protocol.groups(y)
    generator = np.random.default_rng(random_state)
    times = draw_multiplicities(groups, n_bootstrap, generator)
    total = len(detectors) * (len(folds) + bool(n_bootstrap))
    runs, failures, found = [], {}, Counter[str]()
    for number, (name, make) in enumerate(detectors.items()):
        run = _Run(name, make, X, protocol.training_labels, y, found)
        done = number * (len(folds) + bool(n_bootstrap))
        try:
            for place, fold in enumerate(folds):
                _tell(on_step, done + place, total, f"{name}, {fold.name} left out")
                run.add(fold)
        except (ValueError, np.linalg.LinAlgError, MemoryError) as error:
            failures[name] = f"{folds[len(run.scores)].name}: {error or type(error).__name__}"
            continue
        if n_bootstrap:
            _tell(on_step, done + len(folds), total, f"{name}, resamples")
        run.resample(folds, times)
        runs.append(run)
    _tell(on_step, total, total, "done")
    if not runs:
        raise ValueError(
            "None of the detectors could be compared: "
            + "; ".join(f"{name} ({text})" for name, text in failures.items())
        )
    return _collect(runs, folds, protocol, failures, dict(found), confidence_level)


def _tell(on_step: Step | None, done: int, total: int, what: str) -> None:
    if on_step is not None:
        on_step(done, total, what)


class _Run:
    """One detector, fold after fold."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Any],
        X: Any,
        training_labels: Callable[[NDArray | None, Fold], NDArray | None],
        y: NDArray | None,
        found: Counter[str],
    ) -> None:
        self.name, self.make, self.X, self.y = name, make, X, y
        self.training_labels, self.found = training_labels, found
        self.scores: list[NDArray] = []
        self.numbers: list[dict[str, float]] = []

    def add(self, fold: Fold) -> None:
        """Fit and score; warnings are kept for the report, as they would tear up the progress."""
        labels = self.training_labels(self.y, fold)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            detector = self.make()
            seconds = fit_timed(detector, select_rows(self.X, fold.train), labels)
            X_test = select_rows(self.X, fold.test)
            start = perf_counter()
            scores = detector.score_samples(X_test)
            score_seconds = perf_counter() - start
        self.found.update({f"{self.name}: {warning.message}" for warning in caught})
        # what predict flags, by the estimators' contract, without scoring once more
        flagged = scores < (detector[-1] if hasattr(detector, "steps") else detector).offset_
        report = ood_report(np.where(fold.is_in, 1, -1), scores, n_bootstrap=0)
        self.numbers.append(
            {metric: report[metric].value for metric in METRICS}
            | {
                "flagged_in": float(flagged[fold.is_in].mean()),
                "flagged_out": float(flagged[~fold.is_in].mean()),
                "fit_seconds": seconds,
                "score_seconds": score_seconds,
            }
        )
        self.scores.append(scores)

    def resample(self, folds: Sequence[Fold], times: NDArray[np.uint16]) -> None:
        """Find the metrics of each resample of the rows."""
        self.resampled = resampled_means(folds, self.scores, times)

    def column(self, name: str) -> list[float]:
        """One of the numbers, by fold."""
        return [numbers[name] for numbers in self.numbers]


def _collect(
    runs: Sequence[_Run],
    folds: tuple[Fold, ...],
    protocol: Protocol,
    failures: dict[str, str],
    found: dict[str, int],
    confidence_level: float,
) -> Comparison:
    """Stack what the runs hold."""
    names = ("flagged_in", "flagged_out", "fit_seconds", "score_seconds")
    return Comparison(
        protocol=protocol,
        folds=folds,
        detectors=tuple(run.name for run in runs),
        failures=failures,
        warnings=found,
        values={name: np.array([run.column(name) for run in runs]) for name in METRICS},
        resampled=np.stack([run.resampled for run in runs]),
        confidence_level=confidence_level,
        **{name: np.array([run.column(name) for run in runs]) for name in names},
    )
