"""Kernel density: by hand, against plain rewrites and scikit-learn, far, near and in blocks."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from skood import KernelDensityOutlierDetector
from skood.measures import log_kernel_density
from skood.measures.kernel_density import kernel_centre

from ..detectors import rows


def test_three_points_by_hand():
    # 0, 1 and 3 on a line with h = 1: kernels φ(0), φ(1), φ(3) at 0
    points = [[0.0], [1.0], [3.0]]
    phi = lambda u: math.exp(-u * u / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    at_0 = math.log((phi(0) + phi(1) + phi(3)) / 3)
    np.testing.assert_allclose(log_kernel_density([[0.0]], points, 1.0), [at_0], rtol=1e-14)
    left_out = [(phi(1) + phi(3)) / 2, (phi(1) + phi(2)) / 2, (phi(3) + phi(2)) / 2]
    np.testing.assert_allclose(
        log_kernel_density(points, points, 1.0, exclude=[0, 1, 2]), np.log(left_out), rtol=1e-14
    )
    detector = KernelDensityOutlierDetector(1.0).fit(points)
    np.testing.assert_allclose(detector.training_scores_, np.log(left_out), rtol=1e-14)
    np.testing.assert_allclose(detector.score_samples(points), np.log(left_out), rtol=1e-14)
    np.testing.assert_allclose(
        detector.score_samples([[2.0]]), np.log((phi(2) + 2 * phi(1)) / 3), rtol=1e-14
    )


def plain(Q, X, h):
    """All differences, in float64."""
    X, Q = np.asarray(X, np.float64), np.asarray(Q, np.float64)
    n, d = X.shape
    exponents = -0.5 * (cdist(Q, X) / h) ** 2
    return logsumexp(exponents, axis=1) - math.log(n) - d * math.log(h * math.sqrt(2 * math.pi))


def assert_right(scores, expected):
    np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("bandwidth", ["scott", "silverman", 0.3, 20.0])
def test_equals_scikit_learn(dtype, offset, bandwidth):
    X = (rows(500, 6) + offset).astype(dtype)
    Q = np.vstack([rows(60, 6, seed=1), rows(20, 6, seed=2) * 10]) + offset
    Q = Q.astype(dtype)
    # In one leaf, since the bounds that its tree goes by lose all digits where most kernels are
    # small (scikit-learn issue 25799).
    theirs = KernelDensity(bandwidth=bandwidth, leaf_size=500).fit(X.astype(np.float64))
    ours = KernelDensityOutlierDetector(bandwidth).fit(X)
    assert ours.bandwidth_ == theirs.bandwidth_
    assert_right(ours.score_samples(Q), theirs.score_samples(Q.astype(np.float64)))


@pytest.mark.parametrize("d", [1, 3, 64, 768])
@pytest.mark.parametrize("bandwidth", ["scott", 0.05])
def test_training_rows_equal_a_plain_rewrite(d, bandwidth):
    X = rows(150, d) if d > 1 else rows(150, 2)[:, :1]
    detector = KernelDensityOutlierDetector(bandwidth).fit(X)
    h = detector.bandwidth_
    left_out = [plain(X[[i]], np.delete(X, i, axis=0), h)[0] for i in range(150)]
    assert_right(detector.training_scores_, left_out)
    assert_right(detector.score_samples(X), left_out)
    Q = rows(20, d, seed=1) if d > 1 else rows(20, 2, seed=1)[:, :1]
    assert_right(detector.score_samples(Q), plain(Q, X, h))


def test_own_kernel_is_left_out_without_cancellation():
    # the other kernels are e^-5000 of the row's own: nothing would be left of 1 + e^-5000 - 1
    X = np.arange(50.0)[:, np.newaxis]
    detector = KernelDensityOutlierDetector(0.01).fit(X)
    constant = -math.log(49) - math.log(0.01 * math.sqrt(2 * math.pi))
    expected = np.full(50, constant - 5000 + math.log(2))
    expected[[0, -1]] -= math.log(2)
    np.testing.assert_allclose(detector.training_scores_, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9])
def test_a_column_of_large_values_costs_no_digit(scale):
    # the squared distance from the centre is large, that to the nearest training rows small
    X = rows(3000, 20) * np.r_[scale, np.ones(19)]
    X[1000:1100] = X[:100]
    Q = np.vstack([X[:20], X[200:220] + 0.1, rows(20, 20, seed=1) * np.r_[scale, np.ones(19)]])
    detector = KernelDensityOutlierDetector().fit(X)
    expected = plain(Q, X, detector.bandwidth_)
    left_out = [plain(X[[i]], np.delete(X, i, axis=0), detector.bandwidth_)[0] for i in range(20)]
    scores = detector.score_samples(Q)
    assert_right(scores, np.r_[left_out, expected[20:]])
    alone = [detector.score_samples(q[np.newaxis])[0] for q in Q]
    np.testing.assert_allclose(alone, scores, rtol=1e-6)


def test_one_of_two_rows():
    detector = KernelDensityOutlierDetector(1.0).fit([[0.0], [2.0]])
    np.testing.assert_allclose(detector.training_scores_, -2 - 0.5 * math.log(2 * math.pi))


def test_one_of_several_copies_is_left_out():
    X = rows(40)
    X[10:13] = X[5]
    detector = KernelDensityOutlierDetector().fit(X)
    expected = plain(X[[5]], np.delete(X, 5, axis=0), detector.bandwidth_)
    np.testing.assert_allclose(detector.score_samples(X[[5]]), expected, rtol=1e-12)
    copies = detector.training_scores_[[5, 10, 11, 12]]
    np.testing.assert_allclose(copies, np.repeat(expected, 4), rtol=1e-12)


@given(
    seed=st.integers(0, 2**16),
    log_bandwidth=st.floats(-12, 12),
    log_spread=st.floats(0, 9),
    blocks=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_right_for_any_bandwidth_spread_and_blocks(seed, log_bandwidth, log_spread, blocks):
    # clusters far from each other in units of the bandwidth, with copies: the product would fail
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 2)) * 10**log_spread
    X = centres[rng.integers(0, 3, 70)] + rng.normal(size=(70, 2))
    Q = np.vstack([centres[rng.integers(0, 3, 20)] + rng.normal(size=(20, 2)), X[:5]])
    h = 10**log_bandwidth
    scores = log_kernel_density(Q, X, h, blocks=blocks)
    np.testing.assert_allclose(scores, plain(Q, X, h), rtol=1e-6, atol=3e-7)
    exclude = np.r_[np.full(20, -1), np.arange(5)]
    left_out = [plain(X[[i]], np.delete(X, i, axis=0), h)[0] for i in range(5)]
    found = log_kernel_density(Q, X, h, blocks=blocks, exclude=exclude)
    np.testing.assert_allclose(found[:20], scores[:20], rtol=1e-12)
    np.testing.assert_allclose(found[20:], left_out, rtol=1e-6, atol=3e-7)


@pytest.mark.parametrize("far", [1e6, 1e20, 1e150, 1e300])
def test_a_far_training_row_costs_the_others_no_digit(far):
    X = np.vstack([rows(200), np.full((3, 4), far)])
    Q = np.vstack([rows(20, seed=1), np.full((2, 4), far * 1.0000001)])
    detector = KernelDensityOutlierDetector().fit(X)
    with np.errstate(over="ignore"):
        expected = plain(Q, X, detector.bandwidth_)
    scores = detector.score_samples(Q)
    np.testing.assert_allclose(scores[:20], expected[:20], rtol=1e-9)
    if far < 1e150:
        np.testing.assert_allclose(scores[20:], expected[20:], rtol=1e-6)
    assert np.isfinite(detector.training_scores_).all()


@pytest.mark.parametrize("bandwidth", ["scott", 1e-3, 1e3])
def test_far_rows_are_ordered(bandwidth):
    detector = KernelDensityOutlierDetector(bandwidth).fit(rows(300))
    powers = [1, 3, 8, 20, 60, 150]
    scores = detector.score_samples([[0, 10.0**p, 0, -(10.0**p)] for p in powers])
    assert np.isfinite(scores).all()
    assert (np.diff(scores) < 0).all()


def test_below_the_smallest_float():
    scores = KernelDensityOutlierDetector(1e-10).fit(rows()).score_samples(np.full((2, 4), 1e150))
    np.testing.assert_array_equal(scores, np.finfo(np.float64).min)


@pytest.mark.parametrize("unit", [1e-150, 1e-30, 1e30, 1e150])
def test_any_unit_with_the_bandwidth_in_that_unit(unit):
    X, Q = rows(), rows(20, seed=1)
    plain_scores = KernelDensityOutlierDetector(0.5).fit(X).score_samples(Q)
    scores = KernelDensityOutlierDetector(0.5 * unit).fit(X * unit).score_samples(Q * unit)
    np.testing.assert_allclose(scores + 4 * math.log(unit), plain_scores, rtol=1e-9)


def test_tiny_rows_tie_and_huge_rows_are_finite():
    with pytest.warns(UserWarning, match="so that their scores tie"):
        tiny = KernelDensityOutlierDetector().fit(rows() * 1e-150)
    scores = tiny.score_samples(rows(9, seed=1) * 1e-150)
    np.testing.assert_allclose(scores, scores[0], rtol=1e-12)
    np.testing.assert_allclose(tiny.training_scores_, scores[0], rtol=1e-12)
    huge = KernelDensityOutlierDetector().fit(rows() * 1e150)
    scores = huge.score_samples(rows(9, seed=1) * 1e150)
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) == 9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_threads_and_memory_change_nothing(dtype):
    X, Q = rows(5000, 12, dtype=dtype), rows(1300, 12, seed=1, dtype=dtype)
    detector = KernelDensityOutlierDetector(n_jobs=1).fit(X)
    expected = detector.score_samples(Q)
    assert_right(expected, plain(Q, X, detector.bandwidth_))
    for n_jobs in (2, 5, -1, None):
        scores = detector.set_params(n_jobs=n_jobs).score_samples(Q)
        np.testing.assert_allclose(scores, expected, rtol=1e-11)
    with sklearn.config_context(working_memory=0.1):
        np.testing.assert_allclose(detector.score_samples(Q), expected, rtol=1e-11)
    alone = [detector.score_samples(q[np.newaxis])[0] for q in Q[:20]]
    np.testing.assert_allclose(alone, expected[:20], rtol=1e-11)


def test_memory_does_not_grow_with_the_rows():
    def peak(n, m):
        X, Q = rows(n, 8), rows(m, 8, seed=1)
        detector = KernelDensityOutlierDetector(threshold_samples=50, n_jobs=2).fit(X)
        tracemalloc.start()
        with sklearn.config_context(working_memory=4):
            detector.score_samples(Q)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(4000, 1000) < 4.5 * 2**20
    assert peak(16000, 4000) < 4.5 * 2**20


def test_clusters_that_come_one_after_the_other():
    # most blocks are negligible for most rows, and the largest exponent comes late
    X = np.vstack([rows(3000, 3, seed=s) + 40 * s for s in range(4)])
    Q = np.vstack([rows(50, 3, seed=9) + 40 * s for s in range(4)])
    detector = KernelDensityOutlierDetector().fit(X)
    assert_right(detector.score_samples(Q), plain(Q, X, detector.bandwidth_))
    upside_down = KernelDensityOutlierDetector().fit(X[::-1])
    np.testing.assert_allclose(upside_down.score_samples(Q), detector.score_samples(Q), rtol=1e-11)


def test_the_centre_is_amid_most_rows():
    X = np.vstack([rows(3000), np.full((20, 4), 1e30)])
    assert np.abs(kernel_centre(X)).max() < 5


@pytest.mark.parametrize("value", ["gaussian", None, 0, -1.0, np.inf, np.nan, True, [1.0]])
def test_bandwidth(value):
    message = (
        r"'bandwidth' parameter of KernelDensityOutlierDetector must be one of 'scott', "
        r"'silverman' or a float in \(0, inf\). Got .* instead"
    )
    with pytest.raises(ValueError, match=message):
        KernelDensityOutlierDetector(value).fit(rows())


@pytest.mark.parametrize("value", [0, -2, 1.5, "two"])
def test_n_jobs(value):
    with pytest.raises(ValueError, match=r"'n_jobs' parameter of \w+ must be an int"):
        KernelDensityOutlierDetector(n_jobs=value).fit(rows())


def test_bad_input_of_the_measure():
    with pytest.raises(ValueError, match=r"'bandwidth' parameter of log_kernel_density.*Got -1"):
        log_kernel_density([[0.0]], [[1.0]], -1)
    with pytest.raises(ValueError, match=r"at least one row that is not left out. Got 1 row\(s\)"):
        log_kernel_density([[0.0]], [[1.0]], 1.0, exclude=[0])
