"""LCP, kNN and the threshold: by hand, against plain rewrites, and under moves of all rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ortho_group

from skood import KNNOutlierDetector, LCPOutlierDetector
from skood.measures import (
    contamination_threshold,
    knn_distance,
    lcp_distance,
    perplexity_weights,
)

from ..detectors import rows


def test_lcp_of_three_points_by_hand():
    # x = (0, 0); neighbours (1, 0), (0, 2), (-1, 0) with weights 1/2, 1/4, 1/4:
    # the mean is (1/4, 1/2), its length sqrt(5) / 4.
    # The squared distances from the mean are 13/16, 37/16, 29/16; weighted 23/16 in all.
    args = [[0.0, 0.0]], [[[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]], [[0.5, 0.25, 0.25]]
    np.testing.assert_allclose(lcp_distance(*args), [math.sqrt(5) / 4])
    np.testing.assert_allclose(
        lcp_distance(*args, variance_weight=2.0), [math.sqrt(5 / 16 + 2 * 23 / 16)]
    )


def plain_lcp(X, x, n_neighbors, perplexity, variance_weight=0.0):
    """One row, loop by loop."""
    d = [math.dist(x, other) for other in X]
    nearest = sorted(range(len(X)), key=lambda i: (d[i], i))[:n_neighbors]
    weights = perplexity_weights([[d[i] for i in nearest]], perplexity).weights[0]
    mean = [sum(w * X[i][j] for w, i in zip(weights, nearest, strict=True)) for j in range(len(x))]
    spread = sum(w * math.dist(X[i], mean) ** 2 for w, i in zip(weights, nearest, strict=True))
    return math.sqrt(math.dist(x, mean) ** 2 + variance_weight * spread)


@pytest.mark.parametrize("variance_weight", [0.0, 0.7])
def test_lcp_detector_equals_a_plain_rewrite(variance_weight):
    X, Q = rows(80), rows(20, seed=1)
    detector = LCPOutlierDetector(n_neighbors=9, perplexity=4.0, variance_weight=variance_weight)
    expected = [-plain_lcp(X, q, 9, 4.0, variance_weight) for q in Q]
    np.testing.assert_allclose(detector.fit(X).score_samples(Q), expected, rtol=1e-9)
    left_out = [-plain_lcp(np.delete(X, i, 0), X[i], 9, 4.0, variance_weight) for i in range(80)]
    np.testing.assert_allclose(detector.training_scores_, left_out, rtol=1e-9)


@pytest.mark.parametrize("locality", [0.5, 1.0])
def test_locality_equals_a_plain_rewrite(locality):
    X, Q = rows(60), rows(12, seed=1)
    own = np.array([plain_lcp(np.delete(X, i, 0), X[i], 8, 3.0) for i in range(60)])
    epsilon = 1e-3 * np.median(own[own > 0])
    expected = []
    for q in Q:
        nearest = np.argsort(np.linalg.norm(X - q, axis=1))[:8]
        around = math.log(own[nearest].mean() + epsilon)
        expected.append(-(math.log(plain_lcp(X, q, 8, 3.0) + epsilon) - locality * around))
    detector = LCPOutlierDetector(8, perplexity=3.0, locality=locality).fit(X)
    np.testing.assert_allclose(detector.score_samples(Q), expected, rtol=1e-8)


def test_a_fit_without_locality_leaves_nothing_of_one_with_it():
    detector = LCPOutlierDetector(locality=0.5).fit(rows())
    detector.set_params(locality=0.0).fit(rows())
    assert vars(detector).keys() == vars(LCPOutlierDetector().fit(rows())).keys()


def test_variance_catches_the_midst_of_far_neighbors():
    ring = np.array([[math.cos(a), math.sin(a)] for a in np.linspace(0, 2 * np.pi, 40)[:-1]])
    X = np.vstack([ring * 10, rows(60, 2) * 0.1 + [30, 0]])
    plain = LCPOutlierDetector(perplexity=14.0).fit(X).score_samples([[0.0, 0.0]])[0]
    spread = LCPOutlierDetector(perplexity=14.0, variance_weight=1.0).fit(X)
    assert plain > -8
    assert spread.score_samples([[0.0, 0.0]])[0] < -9.9


def test_cosine_lcp_is_lcp_of_rows_of_length_one():
    X, Q = rows(80, 6), rows(9, 6, seed=1)
    unit = [A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, Q)]
    np.testing.assert_allclose(
        LCPOutlierDetector(metric="cosine").fit(X).score_samples(Q * 7),
        LCPOutlierDetector().fit(unit[0]).score_samples(unit[1]),
        rtol=1e-9,
    )


weights = arrays(float, 4, elements=st.floats(0.01, 1.0)).map(lambda w: w / w.sum())


@given(
    arrays(float, (5, 3), elements=st.floats(-5, 5)),
    weights,
    st.integers(0, 2**16),
    st.floats(-1e3, 1e3),
    st.integers(-150, 150),
    st.sampled_from([0.0, 0.5]),
)
def test_lcp_moves_with_shift_rotation_and_unit(points, w, seed, shift, power, variance_weight):
    # On a grid, so that no difference is smaller than the unit's smallest float.
    points = np.round(points, 3)
    x, neighbors = points[:1], points[np.newaxis, 1:]
    kept = {"variance_weight": variance_weight}
    lcp = lcp_distance(x, neighbors, [w], **kept)
    np.testing.assert_allclose(
        lcp_distance(x + shift, neighbors + shift, [w], **kept), lcp, atol=1e-11
    )
    turn = ortho_group.rvs(3, random_state=seed)
    np.testing.assert_allclose(
        lcp_distance(x @ turn, neighbors @ turn, [w], **kept), lcp, atol=1e-12
    )
    unit = 10.0**power
    np.testing.assert_allclose(
        lcp_distance(x * unit, neighbors * unit, [w], **kept) / unit, lcp, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("make", [LCPOutlierDetector, KNNOutlierDetector])
def test_detectors_do_not_feel_shift_and_rotation(make):
    X, Q = rows(90), rows(15, seed=1)
    turn = ortho_group.rvs(4, random_state=0)
    expected = make().fit(X).score_samples(Q)
    np.testing.assert_allclose(
        make().fit((X + 50) @ turn).score_samples((Q + 50) @ turn), expected, rtol=1e-9
    )


def test_knn_of_three_points_by_hand():
    X = [[0.0, 0.0], [3.0, 4.0], [0.0, 10.0]]
    mean = KNNOutlierDetector(n_neighbors=2).fit(X)
    # left out: 5 and 10; 5 and sqrt(9 + 36); 10 and sqrt(45)
    far = math.sqrt(45)
    np.testing.assert_allclose(mean.training_scores_, [-7.5, -(5 + far) / 2, -(10 + far) / 2])
    largest = KNNOutlierDetector(n_neighbors=2, aggregation="max").fit(X)
    np.testing.assert_allclose(largest.score_samples([[0.0, 5.0]]), [-5.0])


@given(arrays(float, (6, 5), elements=st.floats(0, 1e6)), st.integers(-150, 150))
def test_knn_equals_a_plain_rewrite_in_any_unit(distances, power):
    mean = [sum(row) / len(row) for row in distances.tolist()]
    np.testing.assert_allclose(knn_distance(distances), mean, rtol=1e-12, atol=1e-300)
    np.testing.assert_array_equal(
        knn_distance(distances, aggregation="max"), [max(row) for row in distances.tolist()]
    )
    unit = 10.0**power
    on_grid = np.round(distances, 3)
    np.testing.assert_allclose(
        knn_distance(on_grid * unit) / unit, knn_distance(on_grid), rtol=1e-9
    )


def test_knn_of_huge_distances_is_finite():
    assert knn_distance([[1.5e308, 1.5e308]])[0] == 1.5e308


def test_knn_aggregation():
    with pytest.raises(ValueError, match="'aggregation' parameter of knn_distance must be one of"):
        knn_distance([[1.0]], aggregation="sum")


def test_threshold_of_three_scores_by_hand():
    # of four scores in random order the last is below the smallest other one with probability 1/4
    assert contamination_threshold([3.0, 1.0, 2.0], 0.25) == 1.0
    assert contamination_threshold([3.0, 1.0, 2.0], 0.375) == 1.5
    assert contamination_threshold([3.0, 1.0, 2.0], 0.05) == 1.0


@pytest.mark.parametrize("n", [19, 30, 100])
def test_share_of_new_scores_below_the_threshold(n):
    new = np.linspace(0, 1, 1001)  # uniform scores: the share below a threshold is the threshold
    thresholds = [
        contamination_threshold(np.random.default_rng(seed).uniform(size=n), 0.05)
        for seed in range(4000)
    ]
    share = np.mean([(new < threshold).mean() for threshold in thresholds])
    assert abs(share - 0.05) < 0.003


@given(
    arrays(float, st.integers(1, 60), elements=st.floats(-1e9, 1e9)),
    st.floats(1e-3, 0.5),
)
def test_threshold_equals_a_plain_rewrite(scores, contamination):
    ordered = sorted(scores.tolist())
    place = max(contamination * (len(ordered) + 1) - 1, 0.0)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    expected = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    threshold = contamination_threshold(scores, contamination)
    np.testing.assert_allclose(threshold, expected, rtol=1e-9, atol=1e-6)
    assert (scores < threshold).sum() <= contamination * len(scores) + 1


@pytest.mark.parametrize("scores", [[], [[1.0]], [1.0, np.nan], [1.0, np.inf]])
def test_bad_training_scores(scores):
    with pytest.raises(ValueError, match=r"'training_scores' parameter .* finite numbers"):
        contamination_threshold(scores, 0.1)


@pytest.mark.parametrize("contamination", [0, 0.6, -1, np.nan])
def test_bad_contamination(contamination):
    with pytest.raises(ValueError, match=r"'contamination' parameter .* in \(0, 0.5\]. Got"):
        contamination_threshold([1.0, 2.0], contamination)
