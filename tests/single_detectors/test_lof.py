"""LOF: by hand, against a plain rewrite and scikit-learn, among copies and in any unit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.neighbors import LocalOutlierFactor

from skood import LOFOutlierDetector
from skood.measures import local_outlier_factor, mean_reachability

from ..detectors import rows


def test_three_points_by_hand():
    # 0, 1 and 3 on a line, k = 1: k-distances 1, 1, 2; the neighbours of 0, 1, 3 are 1, 0, 1;
    # reachabilities max(1, 1), max(1, 1), max(1, 2). A new row at 5: neighbour 3, max(2, 2) = 2.
    reach = mean_reachability([[1.0], [1.0], [2.0]], [[1.0], [1.0], [1.0]])
    np.testing.assert_array_equal(reach, [1, 1, 2])
    np.testing.assert_array_equal(local_outlier_factor(reach, reach[[[1], [0], [1]]]), [1, 1, 2])
    detector = LOFOutlierDetector(1).fit([[0.0], [1.0], [3.0]])
    np.testing.assert_array_equal(detector.training_k_distance_, [1, 1, 2])
    np.testing.assert_array_equal(detector.training_reachability_, [1, 1, 2])
    np.testing.assert_array_equal(detector.training_scores_, [-1, -1, -2])
    np.testing.assert_array_equal(detector.score_samples([[5.0], [9.0]]), [-1, -3])
    assert detector.zero_reachability_ == 1e-3


def plain_lof(X, x, k, left_out=None):
    """One row, loop by loop, by the definitions 3 to 7 of the paper."""

    def nearest(y, skip):
        others = [i for i in range(len(X)) if i != skip]
        return sorted(others, key=lambda i: (math.dist(y, X[i]), i))[:k]

    def density(y, skip):
        reach = []
        for o in nearest(y, skip):
            k_distance = math.dist(X[o], X[nearest(X[o], o)[-1]])
            reach.append(max(k_distance, math.dist(y, X[o])))
        return k / sum(reach)

    around = [density(X[o], o) for o in nearest(x, left_out)]
    return sum(around) / k / density(x, left_out)


@pytest.mark.parametrize("k", [1, 5])
def test_equals_a_plain_rewrite(k):
    X, Q = rows(30), rows(6, seed=1)
    detector = LOFOutlierDetector(k).fit(X)
    expected = [-plain_lof(X, q, k) for q in Q]
    np.testing.assert_allclose(detector.score_samples(Q), expected, rtol=1e-10)
    left_out = [-plain_lof(X, X[i], k, left_out=i) for i in range(12)]
    np.testing.assert_allclose(detector.training_scores_[:12], left_out, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_neighbors", "offset"), [(1, 0.0), (20, 0.0), (20, 1e4), (70, 0.0)])
def test_equals_scikit_learn(dtype, n_neighbors, offset):
    X = (rows(400, 6) + offset).astype(dtype)
    Q = np.vstack([rows(60, 6, seed=1), rows(20, 6, seed=2) * 10]) + offset
    Q = Q.astype(dtype)
    wide = X.astype(np.float64)  # scikit-learn loses digits in float32
    theirs = LocalOutlierFactor(n_neighbors, novelty=True, algorithm="kd_tree").fit(wide)
    ours = LOFOutlierDetector(n_neighbors, threshold_samples=None).fit(X)
    expected = theirs.score_samples(Q.astype(np.float64))
    np.testing.assert_allclose(ours.score_samples(Q), expected, rtol=1e-6)
    np.testing.assert_allclose(ours.training_scores_, theirs.negative_outlier_factor_, rtol=1e-6)


def test_cosine_equals_scikit_learn():
    X, Q = rows(200, 6), rows(60, 6, seed=1) * 3
    theirs = LocalOutlierFactor(metric="cosine", algorithm="brute", novelty=True).fit(X)
    ours = LOFOutlierDetector(metric="cosine").fit(X)
    np.testing.assert_allclose(ours.score_samples(Q), theirs.score_samples(Q), rtol=1e-6)


def test_rows_of_one_direction_are_copies_for_cosine():
    # divided by their lengths they differ by rounding, which must not pass for a density
    X = np.vstack([np.outer(np.linspace(0.3, 7.7, 30), rows(1)[0]), rows(60, seed=1)])
    detector = LOFOutlierDetector(5, metric="cosine").fit(X)
    np.testing.assert_array_equal(detector.training_reachability_[:30], 0)
    np.testing.assert_array_equal(detector.training_scores_[:30], -1)
    assert detector.score_samples(rows(1) * 0.77)[0] == -1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_beside_a_heap_of_copies(dtype):
    X = np.vstack([np.repeat(rows(1), 30, axis=0), rows(100, seed=1)]).astype(dtype)
    detector = LOFOutlierDetector().fit(X)
    heap, unit = X[:1].astype(np.float64), detector.zero_reachability_
    reach = detector.training_reachability_
    np.testing.assert_array_equal(reach[:30], 0)
    assert unit == 1e-3 * np.median(reach[30:])
    np.testing.assert_array_equal(detector.training_scores_[:30], -1)
    steps = np.array([0, 1e-4, 1e-2, 1e-1, 0.3]) * [[1.0], [0], [0], [0]]
    beside = (heap + steps.T).astype(dtype)
    scores = detector.score_samples(beside)
    assert scores[0] == -1
    assert scores[1] == pytest.approx(-max(1, abs(beside[1, 0] - heap[0, 0]) / unit), rel=1e-6)
    assert (np.diff(scores[1:]) < 0).all()
    assert -1e4 < scores[-1] < -10
    # scikit-learn, for comparison: 1e8 and more
    theirs = LocalOutlierFactor(novelty=True).fit(X.astype(np.float64))
    with np.errstate(all="ignore"):
        assert theirs.score_samples(beside[3:].astype(np.float64)).max() < -1e8


def test_next_to_a_heap_is_never_better_than_in_it():
    X = np.vstack([np.zeros((30, 2)), rows(100, 2, seed=1)])
    distances = np.geomspace(1e-14, 1.0, 60)
    scores = LOFOutlierDetector().fit(X).score_samples(np.c_[distances, np.zeros(60)])
    assert scores[0] == -1
    assert (np.diff(scores) <= 0).all()


def test_few_copies_are_no_heap():
    X = np.vstack([rows(100), rows(100)[:10]])  # each at most twice
    detector = LOFOutlierDetector(10).fit(X)
    assert (detector.training_reachability_ > 0).all()
    np.testing.assert_array_equal(detector.score_samples(X[:10]), detector.score_samples(X[100:]))


def test_all_rows_equal():
    detector = LOFOutlierDetector(5).fit(np.full((20, 2), 3.0))
    assert detector.zero_reachability_ == 1e-150
    np.testing.assert_array_equal(detector.training_scores_, -1)
    scores = detector.score_samples([[3.0, 3.0], [3.0, 3.1], [1e8, 0], [1e150, 0]])
    assert scores[0] == -1
    assert np.isfinite(scores).all()
    assert (np.diff(scores) < 0).all()


_VALUES = st.floats(-1e3, 1e3, width=32).map(lambda v: round(v, 3))
_SETS = arrays(np.float64, st.tuples(st.integers(8, 30), st.integers(1, 3)), elements=_VALUES)


@given(X=_SETS, k=st.integers(1, 6), exponent=st.integers(-480, 480), data=st.data())
def test_the_unit_changes_nothing(X, k, exponent, data):
    # a power of two, so that the rows are the same up to the last bit: ties stay ties
    Q = data.draw(arrays(np.float64, (5, X.shape[1]), elements=_VALUES))
    unit = 2.0**exponent
    plain = LOFOutlierDetector(k).fit(X)
    other = LOFOutlierDetector(k).fit(X * unit)
    np.testing.assert_allclose(other.training_scores_, plain.training_scores_, rtol=1e-9)
    if not plain.training_reachability_.any():
        return  # no distance tells the unit
    scores = plain.score_samples(Q)
    np.testing.assert_allclose(other.score_samples(Q * unit), scores, rtol=1e-9)
    assert np.isfinite(scores).all()


@given(X=_SETS, k=st.integers(1, 6))
def test_copies_score_as_the_row_they_copy(X, k):
    X = np.round(X)  # ties and copies
    detector = LOFOutlierDetector(k).fit(X)
    assert np.isfinite(detector.training_scores_).all()
    np.testing.assert_allclose(detector.score_samples(X), detector.training_scores_, rtol=1e-12)


def test_a_factor_beyond_float64_is_finite():
    reach = mean_reachability([[1.5e308, 1.7e308]], [[1.0, 1.0]])
    np.testing.assert_allclose(reach, [1.6e308])
    np.testing.assert_array_equal(
        local_outlier_factor(reach, [[1e-10, 1e-10]]), [np.finfo(np.float64).max]
    )


def test_the_threshold_rows_are_a_part_of_the_reference():
    X = rows(90)
    whole = LOFOutlierDetector().fit(X)
    some = LOFOutlierDetector(threshold_samples=30, random_state=0).fit(X)
    np.testing.assert_array_equal(some.training_reachability_, whole.training_reachability_)
    assert some.training_k_distance_.shape == (90,)
