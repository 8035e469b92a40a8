"""conformal_test: whether a whole batch is in-distribution."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from skood import ConformalOutlierDetector, KNNOutlierDetector
from skood.calibration import ConformalTestResult
from skood.calibration._batch_test import (
    _EXACT_WORK,
    rank_sum_probability,
    rank_sum_test,
    simes_test,
)
from skood.calibration.p_values import conformal_p_values

from ..detectors import rows
from .conformal_cases import calibrated, column


def _wins(batch, calibration):
    return sum(b > c for b in batch for c in calibration)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 6), (2, 5), (3, 3), (4, 5)])
def test_the_probability_is_the_share_of_all_orders(m, n):
    everything = set(range(m + n))
    wins = [_wins(batch, everything - set(batch)) for batch in combinations(everything, m)]
    assert len(wins) == comb(m + n, m)
    for u in range(m * n + 1):
        share = Fraction(sum(w <= u for w in wins), len(wins))
        assert rank_sum_probability(u, m, n) == pytest.approx(float(share), rel=1e-12)


@pytest.mark.parametrize(("m", "n"), [(8, 60), (30, 100), (60, 70)])
def test_the_probability_is_that_of_scipy(m, n):
    rng = np.random.default_rng(0)
    for shift in (-2.0, -0.5, -0.1, 0.0, 0.4):
        batch, calibration = rng.normal(size=m) + shift, rng.normal(size=n)
        expected = mannwhitneyu(batch, calibration, alternative="less", method="exact")
        result = rank_sum_test(batch, np.sort(calibration))
        assert result.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        assert result.statistic * m * n == pytest.approx(expected.statistic)


def test_far_batches_have_the_smallest_possible_p_value():
    detector = calibrated(np.arange(5.0), alpha=0.5)
    result = detector.conformal_test(column([-1.0, -2.0, -3.0]))
    assert isinstance(result, ConformalTestResult)
    # one order of the 8 over 3
    assert result == (0.0, pytest.approx(1 / 56))
    statistic, p_value = detector.conformal_test(column([9.0, 8.0]))
    assert (statistic, p_value) == (1.0, 1.0)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=30), st.integers(-1, 9))
def test_a_batch_of_one_row_has_its_p_value(calibration, score):
    detector = calibrated(calibration, alpha=0.99)
    p = detector.p_values(column([score]), random_ties=False)[0]
    for method in ("rank_sum", "simes"):
        result = detector.conformal_test(column([score]), method=method)
        assert result.p_value == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("method", ["rank_sum", "simes"])
@given(values=st.lists(st.integers(0, 4), min_size=4, max_size=8), alpha=st.floats(0.01, 0.99))
def test_false_alarms_over_all_batches_of_three(method, values, alpha):
    """All rows exchangeable, ties included: at most a share alpha of the p-values is <= alpha."""
    p_values = []
    for batch in combinations(range(len(values)), 3):
        scores, others = np.take(values, batch) * 1.0, np.sort(np.delete(values, batch)) * 1.0
        if method == "rank_sum":
            test = rank_sum_test(scores, others)
        else:
            test = simes_test(conformal_p_values(scores, [others]))
        p_values.append(test.p_value)
    assert np.mean(np.array(p_values) <= alpha) <= alpha + 1e-9


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_simes_by_its_definition(ranks):
    p = sorted(Fraction(r, 50) for r in ranks)
    expected = min(Fraction(len(p), i) * value for i, value in enumerate(p, start=1))
    result = simes_test(np.array(ranks) / 50)
    assert result.p_value == pytest.approx(float(expected), rel=1e-12)
    assert result.statistic == result.p_value


def test_large_samples_go_over_to_the_normal_approximation():
    rng = np.random.default_rng(0)
    calibration = np.sort(rng.normal(size=2000))
    limit = int(np.sqrt(_EXACT_WORK / 2000))
    for shift in (-0.3, -0.1, 0.1):
        batch = rng.normal(size=limit + 1) + shift
        exact = rank_sum_test(batch[:-1], calibration)
        normal = rank_sum_test(batch, calibration)
        by_scipy = mannwhitneyu(batch, calibration, alternative="less", method="asymptotic")
        assert normal.p_value == by_scipy.pvalue
        # one row more or less, and another method: much the same
        assert abs(np.log(normal.p_value / exact.p_value)) < 0.5


def test_shifts_are_seen():
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(400, 3)), rng.normal(size=(60, 3))
    detector = ConformalOutlierDetector(KNNOutlierDetector(), random_state=0).fit(X)
    assert detector.conformal_test(new).p_value > 0.05
    assert detector.conformal_test(new + 1.0).p_value < 1e-6


def test_simes_sees_a_few_rows_that_are_far_out():
    rng = np.random.default_rng(0)
    detector = calibrated(rng.normal(size=2000))
    batch = np.r_[rng.normal(size=97), -9.0, -9.0, -9.0]
    # 3 of 100 rows below all 2000: 100 / 3 / 2001
    result = detector.conformal_test(column(batch), method="simes")
    assert result.p_value == pytest.approx(100 / 3 / 2001)
    assert detector.conformal_test(column(batch)).p_value > 0.05


def test_class_conditional_allows_any_mixture():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 2)), np.repeat([0, 1], 300)
    X[y == 1] *= 3  # scored lower throughout
    by_class = ConformalOutlierDetector(
        KNNOutlierDetector(), class_conditional=True, random_state=0
    ).fit(X, y)
    pooled = ConformalOutlierDetector(KNNOutlierDetector(), random_state=0).fit(X, y)
    one_class = rng.normal(size=(80, 2)) * 3
    assert by_class.conformal_test(one_class).p_value > 0.05
    assert pooled.conformal_test(one_class).p_value < 0.001
    assert by_class.conformal_test(one_class + 15).p_value < 0.02
    assert by_class.conformal_test(X) == by_class.conformal_test(X, method="simes")
    with pytest.raises(ValueError, match=r"'method' .* must be 'simes' or 'auto' with class_cond"):
        by_class.conformal_test(X, method="rank_sum")


def test_methods():
    detector = ConformalOutlierDetector(KNNOutlierDetector(), alpha=0.2, random_state=0)
    detector.fit(rows())
    batch = rows(seed=1)
    assert detector.conformal_test(batch) == detector.conformal_test(batch, method="rank_sum")
    with pytest.raises(ValueError, match="'method' parameter of conformal_test must be one of"):
        detector.conformal_test(batch, method="fisher")
