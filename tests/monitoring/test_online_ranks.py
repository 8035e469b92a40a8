"""Numbers of online ranks are uniform and independent while rows are exchangeable."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from skood.monitoring._online_ranks import OnlineRanks, ScoreGaps

pytestmark = pytest.mark.arithmetic


def _numbers(draw, n_calibration, n_rows, seed):
    rng = np.random.default_rng(seed)
    gaps = ScoreGaps(draw(rng, n_calibration), 0.0, rng)
    uniform = rng.random((n_rows, 2))
    places, _ = gaps.places(draw(rng, n_rows), uniform[:, 0])
    ranks = OnlineRanks(gaps.counts, of_gaps=True)
    return ranks.take(places[:, np.newaxis], uniform[:, 1:], learn=True)[:, 0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.normal(size=n),
        lambda rng, n: rng.integers(4, size=n).astype(float),
        lambda _, n: np.zeros(n),
        lambda rng, n: np.where(rng.random(n) < 0.5, -np.inf, rng.normal(size=n)),
    ],
    ids=["continuous", "integers", "constant", "infinite"],
)
@pytest.mark.parametrize("n_calibration", [3, 50])
def test_numbers_are_uniform_and_independent(draw, n_calibration):
    # With few calibration rows, the numbers of one stream must be uniform over many streams.
    streams = np.array([_numbers(draw, n_calibration, 40, seed) for seed in range(600)])
    for row in (0, 1, 10, 39):
        assert kstest(streams[:, row], "uniform").pvalue > 1e-4
    assert kstest(streams.mean(axis=1), _mean_of_uniforms(40)).pvalue > 1e-4
    for lag in (1, 5):
        pairs = np.corrcoef(streams[:, :-lag].ravel(), streams[:, lag:].ravel())[0, 1]
        assert abs(pairs) < 4 / np.sqrt(streams[:, lag:].size)


def _mean_of_uniforms(n):
    means = np.random.default_rng(99).random((20_000, n)).mean(axis=1)
    return lambda x: np.searchsorted(np.sort(means), x) / len(means)


@pytest.mark.parametrize("n_calibration", [2, 50])
def test_numbers_of_categories_are_uniform(n_calibration):
    numbers = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        shares = np.array([0.7, 0.2, 0.1])
        ranks = OnlineRanks([np.bincount(rng.choice(3, n_calibration, p=shares), minlength=3)])
        places = rng.choice(3, (40, 1), p=shares)
        numbers.append(ranks.take(places, rng.random((40, 1)), learn=True)[:, 0])
    streams = np.array(numbers)
    for row in (0, 1, 10, 39):
        assert kstest(streams[:, row], "uniform").pvalue > 1e-4
    assert kstest(streams.mean(axis=1), _mean_of_uniforms(40)).pvalue > 1e-4


def test_one_row_at_a_time_gives_the_same():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, size=(4, 10))
    places, uniform = rng.integers(10, size=(150, 4)), rng.random((150, 4))
    whole, single = OnlineRanks(counts), OnlineRanks(counts)
    expected = whole.take(places, uniform, learn=True)
    rows = [
        single.take(p[np.newaxis], u[np.newaxis], learn=True)
        for p, u in zip(places, uniform, strict=True)
    ]
    assert np.array_equal(np.concatenate(rows), expected)
    assert np.array_equal(single.counts, whole.counts)
    assert np.array_equal(whole.counts - counts, [np.bincount(p, minlength=10) for p in places.T])


def test_without_learning_rows_are_not_counted():
    ranks = OnlineRanks(np.ones((1, 5)))
    places = np.full((100, 1), 2)
    numbers = ranks.take(places, np.full((100, 1), 0.5), learn=False)
    assert np.array_equal(ranks.counts, np.ones((1, 5)))
    assert np.allclose(numbers, (2 + 0.5 * 2) / 6)


def test_p_values_count_ties_against_flagging():
    gaps = ScoreGaps(np.array([1.0, 2.0, 2.0, 3.0]), 0.0, np.random.default_rng(0))
    _, p_values = gaps.places(np.array([0.0, 2.0, 9.0]), np.zeros(3))
    assert np.allclose(p_values, [1 / 5, 4 / 5, 1.0])
