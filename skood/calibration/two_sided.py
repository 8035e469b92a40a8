"""Two-sided tests of a batch: rows too strange, too typical, too alike, or stuck."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error
from ..measures.ties import TIE_TOLERANCE, unit_of_ordered
from ..rows.sampling import priorities
from ._batch_test import ConformalTestResult, rank_sum_test
from ._bin_test import bin_p_values, holm, share_p_values
from .p_values import Scores

_KEPT = 100_000  # scores of a batch: drawn from more
_PARTS = 32  # of the distribution of scores, besides its ends


class TwoSidedTest:
    """The two-sided test of a batch that comes in blocks, by a fitted ConformalOutlierDetector.

    It keeps at most 100,000 scores, drawn from all rows, and counts of the columns' bins.

    Parameters
    ----------
    detector : ConformalOutlierDetector
        Fitted, with "split" and without `class_conditional`: calibration rows drawn class by class
        are no sample of the mixture, and other methods hold out no calibration rows.

    Raises
    ------
    ValueError
        If the detector has another method or is class-conditional.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import ConformalOutlierDetector, KNNOutlierDetector
    >>> from skood.calibration.two_sided import TwoSidedTest
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> detector = ConformalOutlierDetector(KNNOutlierDetector(), random_state=0).fit(X)
    >>> test = TwoSidedTest(detector)
    >>> for block in np.split(np.full((40, 2), 0.3), 2):  # a feed that is stuck
    ...     test = test.add(block)
    >>> result = test.result()
    >>> result.p_value < 1e-20, [name for name, p in result.tests.items() if p < 1e-20]
    (True, ['distribution', 'repeats', 'columns'])
    """

    def __init__(self, detector: Any) -> None:
        if detector.class_conditional or hasattr(detector, "_ranked"):
            allowed = "'less' with class_conditional=True or without a split"
            raise parameter_error("conformal_test", "alternative", allowed, "two-sided")
        self._detector, self._columns = detector, getattr(detector, "_columns", None)
        self._scores, self._priorities = np.empty(0), np.empty(0, dtype=np.uint64)
        self._n_rows = 0
        self._counts: Any = 0

    def add(self, X: Any, scores: Scores | None = None) -> Self:
        """Add rows; `scores` are their scores, if they are known."""
        scores = self._detector.score_samples(X) if scores is None else scores
        new = priorities(self._n_rows, self._n_rows + len(scores), seed=2)
        self._n_rows += len(scores)
        self._scores = np.append(self._scores, scores)
        self._priorities = np.append(self._priorities, new)
        if len(self._scores) > _KEPT:
            kept = np.argpartition(self._priorities, _KEPT)[:_KEPT]
            self._scores, self._priorities = self._scores[kept], self._priorities[kept]
        if self._columns is not None:
            self._counts = self._counts + self._columns.count(X)
        return self

    def result(self) -> ConformalTestResult:
        """The smallest p-value of all tests, times their number."""
        tests = score_tests(self._scores, np.sort(self._detector.training_scores_))
        adjusted: dict[str, float] = {}
        if self._columns is not None:
            by_column = columns_result(self._columns, self._counts)
            tests["columns"], adjusted = by_column.p_value, by_column.columns
        smallest = min(tests.values())
        return ConformalTestResult(smallest, min(1.0, smallest * len(tests)), tests, adjusted)


def columns_result(bins: Any, counts: NDArray[Any]) -> ConformalTestResult:
    """The test of each column, for rows with these counts in the bins."""
    p_values = bins.p_values(counts)
    adjusted = holm(p_values)
    columns = dict(zip(bins.names, adjusted.tolist(), strict=True))
    return ConformalTestResult(float(p_values.min()), float(adjusted.min()), {}, columns)


def two_sided_ranks(scores: Scores, calibration: Scores) -> ConformalTestResult:
    """Whether scores are lower or higher than the calibration scores, which must ascend."""
    lower = rank_sum_test(scores, calibration)
    higher = rank_sum_test(-scores, -calibration[::-1])
    p_value = min(1.0, 2 * min(lower.p_value, higher.p_value))
    return ConformalTestResult(lower.statistic, p_value)


def score_tests(scores: Scores, calibration: Scores) -> dict[str, float]:
    """A p-value for each test of the scores, given the scores of both samples without their order.

    Each is valid alone: under the hypothesis, all ways to divide these scores are equally likely.
    """
    n, total = len(calibration), len(calibration) + len(scores)
    codes, ranks = _ranked(np.append(calibration, scores), unit_of_ordered(calibration))
    centre = -np.abs(2.0 * ranks - (total + 1))
    return {
        "ranks": two_sided_ranks(ranks[n:], np.sort(ranks[:n])).p_value,
        "spread": two_sided_ranks(centre[n:], np.sort(centre[:n])).p_value,
        "distribution": _distribution(codes[n:], codes[:n]),
        "repeats": _repeats(codes[n:], codes[:n]),
    }


def _ranked(pooled: Scores, unit: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Dense ranks from 0, and mean ranks from 1; scores a rounding apart are equal."""
    order = np.argsort(pooled, kind="stable")
    ordered = pooled[order]
    sizes = np.abs(ordered[1:])
    reach = TIE_TOLERANCE * np.maximum(np.where(sizes < np.inf, sizes, 0.0), unit)
    is_new = (ordered[1:] != ordered[:-1]) & ~(ordered[1:] <= ordered[:-1] + reach)
    codes = np.empty(len(pooled), dtype=np.intp)
    codes[order] = np.append(0, np.cumsum(is_new))
    sizes_of = np.bincount(codes)
    means = np.cumsum(sizes_of) - (sizes_of - 1) / 2
    return codes, means[codes]


def _distribution(batch: NDArray[np.intp], calibration: NDArray[np.intp]) -> float:
    """Bins of the scores of both samples together: parts of one size, finer at both ends."""
    ordered = np.sort(np.append(batch, calibration))
    total = len(ordered)
    ends = 2 ** np.arange(np.log2(max(total / _PARTS, 1))).astype(np.intp)
    places = np.r_[ends, np.arange(1, _PARTS) * total // _PARTS, total - ends]
    cuts = np.unique(ordered[np.clip(places - 1, 0, total - 1)])
    hits, others = (
        np.bincount(np.searchsorted(cuts, codes), minlength=len(cuts) + 1)[np.newaxis]
        for codes in (batch, calibration)
    )
    return float(bin_p_values(hits, others, np.array([True]))[0])


def _repeats(batch: NDArray[np.intp], calibration: NDArray[np.intp]) -> float:
    """Whether equal scores gather in the batch: many of one, or many pairs.

    The number of one score in the batch is hypergeometric. The scores that only the batch has are
    negatively associated (Joag-Dev & Proschan 1983), so that Chernoff's bound for the number of
    independent events holds for their number.
    """
    m, total = float(len(batch)), float(len(batch) + len(calibration))
    pooled = np.bincount(np.append(batch, calibration)).astype(np.float64)
    hits = np.bincount(batch, minlength=len(pooled)).astype(np.float64)
    hits, pooled = hits[pooled > 1], pooled[pooled > 1]
    if not len(hits):
        return 1.0
    sizes = np.full(len(hits), m), np.full(len(hits), total)
    of_one = len(hits) * np.where(
        hits * total > m * pooled, share_p_values(hits, pooled, *sizes), 1.0
    )
    n_alone = float(np.sum(hits == pooled))
    fits = pooled[pooled <= m]
    mean = float(np.sum(_all_in(fits, m, total)))
    of_pairs = 1.0
    if n_alone > mean:
        of_pairs = float(np.exp(n_alone - mean - n_alone * np.log(n_alone / mean)))
    return min(1.0, 2 * min(float(of_one.min()), of_pairs))


def _all_in(pooled: NDArray[Any], m: float, total: float) -> NDArray[np.float64]:
    """The probability that a number of rows are all among m of `total`."""
    marked = np.unique(pooled)
    shares = [np.exp(np.sum(np.log((m - np.arange(k)) / (total - np.arange(k))))) for k in marked]
    found: NDArray[np.float64] = np.asarray(shares)[np.searchsorted(marked, pooled)]
    return found
