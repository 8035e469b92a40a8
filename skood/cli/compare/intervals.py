"""Intervals of a mean over folds: over other folds, and over other rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...metrics.bootstrap import metrics_of_counts
from .protocol import Fold

METRICS = ("auroc", "aupr_in", "aupr_out", "fpr95")  # the first columns of metrics_of_counts


class Interval(NamedTuple):
    """Ends of an interval."""

    low: float
    high: float


def fold_interval(values: NDArray[np.float64], confidence_level: float) -> Interval | None:
    """Student's interval of the mean over folds; None for a single fold.

    The folds share training rows, so the true coverage is lower than the level. The interval is not
    clipped to the range of the metric.
    """
    if len(values) < 2:
        return None
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(stats.t.ppf((1 + confidence_level) / 2, len(values) - 1) * error)
    return Interval(float(values.mean()) - half, float(values.mean()) + half)


def draw_multiplicities(
    groups: NDArray[Any], n_bootstrap: int, generator: np.random.Generator
) -> NDArray[np.uint16]:
    """Draw each row a number of times in each resample; each group is resampled from itself.

    Every fold and every detector uses the same draws. So a row counts equally often in all folds
    that test it, as it would in another data set, and differences of detectors are paired.
    """
    # No row is drawn 65,536 times. A million rows take a gigabyte.
    times = np.zeros((n_bootstrap, len(groups)), dtype=np.uint16)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        for resample in times:
            drawn = generator.integers(len(rows), size=len(rows))
            resample[rows] = np.bincount(drawn, minlength=len(rows))
    return times


def resampled_means(
    folds: Sequence[Fold], scores: Sequence[NDArray[Any]], times: NDArray[np.uint16]
) -> NDArray[np.float64]:
    """The metrics' means over folds in each resample, for one detector.

    A fold without in-distribution or without out-of-distribution rows in a resample is left out of
    its mean; NaN if no fold is left.
    """
    values = np.full((len(folds), len(times), len(METRICS)), np.nan)
    for fold, of_rows, of_fold in zip(folds, scores, values, strict=True):
        ranks = np.unique(-of_rows, return_inverse=True)[1]  # highest score first
        n_distinct = int(ranks.max()) + 1
        for metrics, drawn in zip(of_fold, times[:, fold.test], strict=True):
            n_in, n_out = (
                np.bincount(ranks[side], drawn[side], n_distinct).astype(np.intp)
                for side in (fold.is_in, ~fold.is_in)
            )
            if n_in.any() and n_out.any():
                metrics[:] = metrics_of_counts(n_in, n_out)[: len(METRICS)]
    known = ~np.isnan(values)
    n_known = known.sum(axis=0)
    totals = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(totals, n_known, out=np.full(totals.shape, np.nan), where=n_known > 0)


def row_interval(means: NDArray[np.float64], confidence_level: float) -> Interval | None:
    """Percentile interval over the resamples; None without resamples."""
    means = means[~np.isnan(means)]
    if len(means) == 0:
        return None
    ends = np.quantile(means, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    return Interval(*ends.tolist())
