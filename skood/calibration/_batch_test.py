"""Tests whether the rows of a batch have the scores of in-distribution rows."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from .p_values import Scores, count_lower

# The distribution of the rank sum is exact up to this many additions, an approximation beyond:
# exact up to 44 rows in the smaller sample if the larger has 2,500, and 7 if it has 100,000.
_EXACT_WORK = 5_000_000


class _Pair(NamedTuple):
    statistic: float
    p_value: float


class ConformalTestResult(_Pair):
    """The result of `ConformalOutlierDetector.conformal_test`: a pair, with more attributes.

    Attributes
    ----------
    statistic : float
        For ``method="rank_sum"``, the share of the pairs of a batch row and a calibration row in
        which the batch row has the higher score; a tie counts half. Its mean is 0.5 for
        in-distribution rows. Else the smallest p-value of a test or column; with ``method="simes"``
        it is `p_value`.
    p_value : float
        The probability of a statistic at least as extreme if all rows are in-distribution.
    tests : dict of str to float
        For ``method="auto"`` with ``alternative="two-sided"``, the p-value of each test.
    columns : dict of str to float
        For tests of columns, the p-value of each column, adjusted for their number (Holm 1979).
    """

    tests: dict[str, float]
    columns: dict[str, float]

    def __new__(
        cls,
        statistic: float,
        p_value: float,
        tests: dict[str, float] | None = None,
        columns: dict[str, float] | None = None,
    ) -> Self:
        """The pair, with the parts of the test."""
        result = super().__new__(cls, statistic, p_value)
        result.tests, result.columns = tests or {}, columns or {}
        return result


def rank_sum_test(scores: Scores, calibration: Scores) -> ConformalTestResult:
    """Whether scores are lower than calibration scores: Wilcoxon, Mann and Whitney, one-sided."""
    lower, ties = count_lower(scores, calibration)
    n_pairs = len(scores) * len(calibration)
    statistic = (lower.sum() + ties.sum() / 2) / n_pairs
    small, large = sorted((len(scores), len(calibration)))
    if small * small * large <= _EXACT_WORK:
        # A tie counts for the batch. Broken at random it would count less, so this test is valid.
        p_value = rank_sum_probability(int(lower.sum() + ties.sum()), small, large)
    else:
        p_value = mannwhitneyu(scores, calibration, alternative="less", method="asymptotic").pvalue
    return ConformalTestResult(float(statistic), float(p_value))


def rank_sum_probability(n_higher: int, m: int, n: int) -> float:
    """The probability that the former is higher in at most `n_higher` of the m * n pairs.

    All orders of the m + n values are equally probable. The numbers of orders for each number of
    pairs are the coefficients of the Gaussian binomial, prod_i (1 - q^(n + i)) / (1 - q^i), i from
    1 to m (Mann & Whitney 1947, section 3).
    """
    if 2 * n_higher >= m * n:  # the distribution is symmetric, and exact in its lower half
        other = m * n - n_higher - 1
        return 1.0 if other < 0 else 1.0 - _lower_half(other, m, n)
    return _lower_half(n_higher, m, n)


def _lower_half(n_higher: int, m: int, n: int) -> float:
    share = np.zeros(n_higher + 1)
    share[0] = 1.0
    for i in range(1, m + 1):
        share[n + i :] -= share[: max(0, len(share) - n - i)].copy()
        # Division by 1 - q^i adds each coefficient to the one i places further on.
        rounds = -(-len(share) // i)
        padded = np.zeros(rounds * i)
        padded[: len(share)] = share
        share = padded.reshape(rounds, i).cumsum(axis=0).ravel()[: len(share)]
        share *= i / (n + i)  # a share of all orders does not overflow
    return float(min(share.sum(), 1.0))


def simes_test(p_values: NDArray[np.float64]) -> ConformalTestResult:
    """Whether the smallest p-values are too small for the number of rows."""
    ordered = np.sort(p_values)
    smallest = np.min(ordered * len(ordered) / np.arange(1, len(ordered) + 1))
    return ConformalTestResult(float(smallest), float(smallest))
