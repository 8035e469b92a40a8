"""The choice of the test in `ConformalOutlierDetector.conformal_test`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import check_option, parameter_error
from ._batch_test import ConformalTestResult, rank_sum_test, simes_test
from .two_sided import TwoSidedTest, columns_result, two_sided_ranks


def conformal_test(owner: Any, X: Any, method: str, alternative: str) -> ConformalTestResult:
    """The test of a batch by a fitted ConformalOutlierDetector."""
    check_option("conformal_test", "method", method, ("auto", "rank_sum", "simes", "columns"))
    check_option("conformal_test", "alternative", alternative, ("less", "two-sided"))
    two_sided = alternative == "two-sided"
    if method == "columns":
        return _of_columns(owner, X)
    if method == "auto" and two_sided:
        return TwoSidedTest(owner).add(X).result()
    is_sample = not owner.class_conditional and not hasattr(owner, "_ranked")
    if method == "auto":
        method = "rank_sum" if is_sample else "simes"
    if method == "simes" and two_sided:
        allowed = "'auto', 'rank_sum' or 'columns' with alternative='two-sided'"
        raise parameter_error("conformal_test", "method", allowed, method)
    if method == "simes":
        return simes_test(owner.p_values(X, random_ties=False))
    if not is_sample:
        allowed = "'simes' or 'auto' with class_conditional=True or without a split"
        raise parameter_error("conformal_test", "method", allowed, method)
    ranks = two_sided_ranks if two_sided else rank_sum_test
    return ranks(owner.score_samples(X), np.sort(owner.training_scores_))


def _of_columns(owner: Any, X: Any) -> ConformalTestResult:
    bins = getattr(owner, "_columns", None)
    if bins is None:
        allowed = "another unless fitted by method='split' to a table in memory, without classes"
        raise parameter_error("conformal_test", "method", allowed, "columns")
    owner.score_samples(X[:1])  # checks the rows
    return columns_result(bins, bins.count(X))
