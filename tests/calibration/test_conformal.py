"""ConformalOutlierDetector: p-values and decisions against hand calculation and enumeration."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skood.calibration._tie_breaks import row_uniforms
from skood.calibration.p_values import conformal_p_values, largest_rank

from .conformal_cases import calibrated, column

finite = st.floats(-1e6, 1e6)
# few values, so that there are ties
coarse = st.integers(-3, 3).map(float)


def test_three_calibration_rows_by_hand():
    detector = calibrated([1.0, 2.0, 4.0], alpha=0.5)
    new = column([0.0, 1.5, 3.0, 5.0])
    np.testing.assert_array_equal(detector.p_values(new), [1 / 4, 2 / 4, 3 / 4, 1])
    # the second lowest of three: 2 / (3 + 1) <= 0.5
    assert detector.offset_ == 2.0
    np.testing.assert_array_equal(detector.predict(new), [-1, -1, 1, 1])
    np.testing.assert_array_equal(detector.decision_function(new), [-2, -0.5, 1, 3])
    tied = column([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(detector.p_values(tied, random_ties=False), [2 / 4, 3 / 4, 1])
    np.testing.assert_array_equal(detector.predict(tied), [-1, 1, 1])


def test_three_rows_of_each_class_by_hand():
    # alpha of 1/4 takes the lowest score of each class: 1 and 3
    scores, y = [1.0, 2.0, 4.0, 3.0, 5.0, 6.0], ["a", "a", "a", "b", "b", "b"]
    detector = calibrated(scores, y, alpha=0.25, class_conditional=True)
    assert detector.offset_ == 1.0
    np.testing.assert_array_equal(detector.p_values(column([0.0, 2.5, 4.5])), [1 / 4, 3 / 4, 1])
    np.testing.assert_array_equal(detector.classes_, ["a", "b"])
    # where the second class has the higher p-value
    other = calibrated(
        [3.0, 5.0, 6.0, 1.0], ["a", "a", "a", "b"], alpha=0.5, class_conditional=True
    )
    np.testing.assert_array_equal(other.p_values(column([2.0])), [1.0])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_ranks_are_uniform_over_all_orders(n):
    values = np.arange(n + 1.0)
    p_values = [
        conformal_p_values(np.array(order[:1]), [np.sort(order[1:])])[0]
        for order in permutations(values)
    ]
    steps, counts = np.unique(p_values, return_counts=True)
    np.testing.assert_array_equal(steps, np.arange(1, n + 2) / (n + 1))
    assert len(set(counts)) == 1


@given(st.lists(coarse, min_size=1, max_size=4), st.integers(1, 6))
def test_random_ties_make_p_values_uniform_over_orders_and_breaks(values, fineness):
    # U takes the middles of equal parts of [0, 1), as many as make every number of ties come out
    n = len(values) - 1
    parts = fineness * 60  # divisible by 1, ..., 5
    uniform = (np.arange(parts) + 0.5) / parts
    count = np.zeros(n + 1)
    for place in range(n + 1):
        others = np.sort(np.delete(values, place))
        same = np.full(parts, values[place])
        p = conformal_p_values(same, [others], uniform)
        count += np.bincount(np.rint(p * (n + 1)).astype(int) - 1, minlength=n + 1)
    np.testing.assert_array_equal(count, parts)


@given(st.lists(coarse, min_size=1, max_size=7), st.floats(0.01, 0.99))
def test_without_random_ties_p_values_are_superuniform(values, alpha):
    n = len(values) - 1
    p_values = [
        conformal_p_values(np.array([value]), [np.sort(np.delete(values, place))])[0]
        for place, value in enumerate(values)
    ]
    assert np.count_nonzero(np.array(p_values) <= alpha) <= largest_rank(n, alpha)


@given(
    hnp.arrays(float, st.integers(1, 30), elements=finite | coarse),
    hnp.arrays(float, st.integers(2, 30), elements=finite | coarse),
    st.integers(0, 5),
    st.booleans(),
)
def test_p_values_are_monotone_in_the_score(calibration, new, seed, random_ties):
    detector = calibrated(calibration, alpha=0.99, random_state=seed)
    new = np.sort(np.r_[new, calibration[:3]])
    p = detector.p_values(column(new), random_ties=random_ties)
    # equal rows have equal p-values, and higher scores never lower ones
    assert (np.diff(p) >= 0).all()
    assert p.min() >= 1 / (len(calibration) + 1)
    assert p.max() <= 1


@given(
    hnp.arrays(float, st.integers(1, 40), elements=finite | coarse),
    hnp.arrays(float, st.integers(1, 20), elements=finite | coarse),
    st.sampled_from([0.01, 0.05, 0.1, 0.29, 0.3, 0.5, 0.7, 0.9]),
)
def test_the_threshold_is_where_p_values_pass_alpha(calibration, new, alpha):
    assume(len(calibration) >= np.ceil(1 / alpha) - 1)
    detector = calibrated(calibration, alpha=alpha)
    new = column(np.r_[new, calibration])
    # in whole numbers and fractions: how many calibration scores are not above
    exact = [Fraction(1 + int((calibration <= s).sum()), len(calibration) + 1) for s in new[:, 0]]
    flagged = np.array([p <= Fraction(str(alpha)) for p in exact])
    np.testing.assert_array_equal(detector.predict(new) == -1, flagged)
    np.testing.assert_array_equal(detector.decision_function(new) < 0, flagged)
    by_p = detector.p_values(new, random_ties=False) <= alpha
    np.testing.assert_array_equal(by_p, flagged)


@given(st.integers(1, 3000), st.integers(1, 999))
def test_the_rank_is_that_of_exact_arithmetic(n, thousandths):
    alpha = thousandths / 1000
    assert largest_rank(n, alpha) == thousandths * (n + 1) // 1000


def test_ties_are_broken_by_the_row_and_the_seed():
    X = np.column_stack([np.zeros(2000), np.arange(2000)])
    detector = calibrated(np.zeros(9), alpha=0.2, random_state=0)
    p = detector.p_values(X)
    steps, counts = np.unique(p, return_counts=True)
    np.testing.assert_allclose(steps, np.arange(1, 11) / 10)
    # 2000 draws of ten values: 200 of each, standard deviation 13
    assert np.abs(counts - 200).max() < 5 * 13.4
    for rows_given in (X[::-1], X[7:8], X.astype(np.float32), pd.DataFrame(X), X.tolist()):
        np.testing.assert_array_equal(np.sort(detector.p_values(rows_given)), _same(p, rows_given))
    assert detector.p_values([[0.0, 5.0]]) == detector.p_values([[-0.0, 5.0]])
    again = calibrated(np.zeros(9), alpha=0.2, random_state=0)
    np.testing.assert_array_equal(again.p_values(X), p)
    other = calibrated(np.zeros(9), alpha=0.2, random_state=1)
    assert np.mean(other.p_values(X) == p) < 0.2
    assert (detector.p_values(X, random_ties=False) == 1).all()
    assert (detector.predict(X) == 1).all()


def _same(p, rows_given):
    return np.sort(p if len(rows_given) > 1 else p[7:8])


def test_rows_of_any_kind_break_ties():
    frame = pd.DataFrame({"colour": ["red", "blue", "red"], "size": [1, 2, 1]})
    uniform = row_uniforms(frame, b"seed")
    assert uniform[0] == uniform[2] != uniform[1]
    images = np.zeros((3, 2, 2), dtype=np.uint8)
    images[1, 0, 0] = 1
    uniform = row_uniforms(images, b"seed")
    assert uniform[0] == uniform[2] != uniform[1]
    assert row_uniforms(images[1:2], b"other") != uniform[1]
    many = row_uniforms(np.arange(5000.0)[:, np.newaxis], b"seed")
    assert 0 <= many.min() < 0.01 < 0.99 < many.max() < 1
    np.testing.assert_allclose(np.quantile(many, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)
