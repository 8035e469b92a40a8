"""The false discovery rate, and the rate within each class."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import false_discovery_control

from skood.calibration.p_values import benjamini_hochberg

from .conformal_cases import calibrated, column


def _step_up(p_values, alpha):
    """Benjamini & Hochberg in fractions, by their words: the largest i with p_(i) <= i/m α."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    largest = 0
    for i, place in enumerate(order, start=1):
        if p_values[place] <= Fraction(i, len(order)) * alpha:
            largest = i
    rejected = {p_values[place] for place in order[:largest]}
    return [p in rejected for p in p_values]


@given(st.data())
def test_fdr_is_the_step_up_procedure(data):
    n = data.draw(st.integers(1, 60))
    ranks = data.draw(st.lists(st.integers(1, n + 1), min_size=1, max_size=25))
    alpha = data.draw(st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.3, 0.5]))
    p = np.array(ranks) / (n + 1)
    expected = _step_up([Fraction(r, n + 1) for r in ranks], Fraction(str(alpha)))
    np.testing.assert_array_equal(benjamini_hochberg(p, alpha), expected)


@given(hnp.arrays(float, st.integers(1, 30), elements=st.floats(0.001, 1)), st.floats(0.01, 0.9))
def test_fdr_agrees_with_scipy(p, alpha):
    adjusted = false_discovery_control(p, method="bh")
    clear = np.abs(adjusted - alpha) > 1e-9
    rejected = benjamini_hochberg(p, alpha)
    np.testing.assert_array_equal(rejected[clear], (adjusted <= alpha)[clear])


def test_fdr_by_hand_and_by_batch():
    # nine calibration scores: p-values are tenths
    detector = calibrated(np.arange(1.0, 10.0), alpha=0.2, control="fdr")
    strange, usual = column([0.0, 0.5]), column([4.5, 8.5])
    # 0.1 <= 0.2 * 1/2, and both have it
    np.testing.assert_array_equal(detector.predict(strange), [-1, -1])
    # among three usual rows one is not enough: 0.1 > 0.2 / 4
    few = np.vstack([strange[:1], usual, usual[:1]])
    np.testing.assert_array_equal(detector.predict(few), [1, 1, 1, 1])
    np.testing.assert_array_equal(detector.predict(np.vstack([strange, usual])), [-1, -1, 1, 1])
    # scores, p-values and decisions do not feel the batch
    np.testing.assert_array_equal(detector.p_values(few)[:1], detector.p_values(strange[:1]))
    np.testing.assert_array_equal(
        detector.decision_function(few)[:1], detector.decision_function(strange[:1])
    )
    # what is flagged has a decision function below 0
    assert (detector.decision_function(strange) < 0).all()


def test_fdr_in_all_orders_of_exchangeable_rows():
    """Two of five in-distribution rows are tested together with one far row, in every way."""
    values, alpha = np.array([0.0, 1.0, 1.0, 2.0, 3.0]), 0.6
    proportions = []
    for order in permutations(values):
        detector = calibrated(order[:3], alpha=alpha, control="fdr")
        flagged = detector.predict(column([*order[3:], -9.0])) == -1
        proportions.append(flagged[:2].sum() / max(flagged.sum(), 1))
    # two thirds of the rows are in-distribution
    assert 0 < np.mean(proportions) <= alpha * 2 / 3 + 1e-12


def test_each_class_is_flagged_at_most_as_often_as_alpha():
    """Every way to take one new row from each class; the classes' scores differ widely."""
    low, high = [0.0, 1.0, 2.0, 3.0], [10.0, 10.0, 12.0, 13.0]
    flagged = np.zeros((4, 4, 2), dtype=bool)
    pooled = np.zeros_like(flagged)
    for i, j in product(range(4), repeat=2):
        scores = np.r_[np.delete(low, i), np.delete(high, j)]
        y, new = np.repeat([0, 1], 3), column([low[i], high[j]])
        by_class = calibrated(scores, y, alpha=0.3, class_conditional=True)
        flagged[i, j] = by_class.predict(new) == -1
        pooled[i, j] = calibrated(scores, y, alpha=0.3).predict(new) == -1
    assert flagged.mean(axis=(0, 1)).tolist() == [0.25, 0.0]
    # without classes, the class of low scores has more than its share
    assert pooled.mean(axis=(0, 1)).tolist() == [0.5, 0.0]
