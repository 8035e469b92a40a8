"""Neighbour weights of a given perplexity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq

from skood.measures import perplexity_weights


def perplexity_of(weights):
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(weights > 0, -weights * np.log2(weights), 0.0).sum(axis=-1)
    return 2.0**bits


def plain_weights(distances, perplexity):
    """One row, straight from the definition, by a root finder on the width."""
    d2 = np.asarray(distances, dtype=float) ** 2

    def weights(log_sigma):
        w = np.exp(-(d2 - d2.min()) / (2 * np.exp(2 * log_sigma)))
        return w / w.sum()

    low, high = np.log(np.max(distances)) - 12, np.log(np.max(distances)) + 12
    root = brentq(lambda s: perplexity_of(weights(s)) - perplexity, low, high, xtol=1e-14)
    return weights(root), np.exp(root)


def test_three_neighbors_by_hand():
    # Distances 0, 1, 1 and weights (1/2, 1/4, 1/4): H = 1.5 bits, so the perplexity is 2^1.5, and
    # exp(-1 / 2σ²) = 1/2 gives σ = 1 / sqrt(2 ln 2).
    weights, sigma, converged = perplexity_weights([[0.0, 1.0, 1.0]], 2**1.5)
    np.testing.assert_allclose(weights, [[0.5, 0.25, 0.25]], rtol=1e-8)
    np.testing.assert_allclose(sigma, [1 / np.sqrt(2 * np.log(2))], rtol=1e-8)
    assert converged.all()


@given(arrays(float, (4, 9), elements=st.floats(0.05, 20.0), unique=True), st.floats(1.2, 8.5))
def test_equals_a_plain_rewrite(distances, perplexity):
    weights, sigma, converged = perplexity_weights(distances, perplexity)
    assert converged.all()
    for row, w, s in zip(distances, weights, sigma, strict=True):
        gap = np.diff(np.sort(row)).min()
        if gap < 1e-2:  # the plain rewrite's bracket is too narrow for near ties
            continue
        expected, width = plain_weights(row, perplexity)
        np.testing.assert_allclose(w, expected, atol=1e-7)
        np.testing.assert_allclose(s, width, rtol=1e-6)


distances_of_rows = arrays(float, (5, 8), elements=st.floats(0.0, 1e6) | st.just(1.0))


@example(np.array([[0.0] * 6 + [5e-324, 1.0]] * 5), 6.5)  # one of the smallest floats from a tie
@given(distances_of_rows, st.floats(1.0, 12.0))
def test_weights_sum_to_one_and_perplexity_is_reached_where_it_can_be(distances, perplexity):
    weights, _, converged = perplexity_weights(distances, perplexity)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
    assert converged.all()
    assert (weights >= 0).all()
    ties = (distances == distances.min(axis=1, keepdims=True)).sum(axis=1)
    attainable = (ties < perplexity) & (perplexity < 8)
    np.testing.assert_allclose(perplexity_of(weights)[attainable], perplexity, rtol=1e-4)
    order = np.argsort(distances, axis=1)
    assert (np.diff(np.take_along_axis(weights, order, axis=1), axis=1) <= 1e-15).all()


@given(distances_of_rows, st.floats(1.5, 7.5), st.integers(-150, 150))
def test_any_unit_gives_the_same_weights(distances, perplexity, power):
    # In units that keep the smallest distances above the smallest float.
    distances = np.where(distances < 1e-6, 0.0, distances)
    unit = 10.0**power
    weights, sigma, _ = perplexity_weights(distances, perplexity)
    scaled, scaled_sigma, converged = perplexity_weights(distances * unit, perplexity)
    assert converged.all()
    np.testing.assert_allclose(scaled, weights, atol=1e-6)
    finite = np.isfinite(sigma) & (sigma > 0)
    np.testing.assert_allclose(scaled_sigma[finite], sigma[finite] * unit, rtol=1e-5)


@given(distances_of_rows, st.floats(1.5, 7.5), st.randoms(use_true_random=False))
def test_order_of_neighbors_and_rows_does_not_matter(distances, perplexity, random):
    weights = perplexity_weights(distances, perplexity).weights
    columns = random.sample(range(8), 8)
    moved = perplexity_weights(distances[::-1][:, columns], perplexity).weights
    np.testing.assert_allclose(moved, weights[::-1][:, columns], atol=1e-12)
    alone = np.vstack(
        [perplexity_weights(row[np.newaxis], perplexity).weights for row in distances]
    )
    np.testing.assert_allclose(alone, weights, atol=1e-12)


@pytest.mark.parametrize("k", [4, 15, 50])
def test_rows_are_searched_for_by_themselves_to_the_last_bit(k):
    distances = np.sort(np.random.default_rng(k).gamma(3.0, size=(400, k)), axis=1)
    distances[::7, 0] *= 1e-3  # some take more steps than others
    together = perplexity_weights(distances, 3.0)
    assert together.converged.all()
    for m in (1, 2, 3, 17):
        parts = np.array_split(distances, range(m, len(distances), m))
        weights = np.vstack([perplexity_weights(part, 3.0).weights for part in parts])
        np.testing.assert_array_equal(weights, together.weights)
    shuffled = perplexity_weights(distances[:, ::-1], 3.0).weights[:, ::-1]
    np.testing.assert_allclose(shuffled, together.weights, atol=1e-14)


@pytest.mark.parametrize("perplexity", [1.5, 5.0, 7.0])
def test_all_equal_distances_weigh_the_same(perplexity):
    for value in (0.0, 1e-200, 3.0, 1e200):
        weights, _, converged = perplexity_weights(np.full((2, 7), value), perplexity)
        np.testing.assert_allclose(weights, 1 / 7)
        assert converged.all()


def test_more_ties_than_the_perplexity_share_the_weight():
    weights, sigma, converged = perplexity_weights([[1.0, 1.0, 1.0, 2.0, 9.0]], 2.0)
    np.testing.assert_allclose(weights, [[1 / 3, 1 / 3, 1 / 3, 0, 0]], atol=1e-12)
    assert sigma[0] == 0
    assert converged[0]


@pytest.mark.parametrize("perplexity", [4.0, 4.5, 100.0])
def test_perplexity_of_at_least_k_means_equal_weights(perplexity):
    weights, sigma, converged = perplexity_weights([[0.0, 1.0, 5.0, 1e9]], perplexity)
    np.testing.assert_array_equal(weights, np.full((1, 4), 0.25))
    assert sigma[0] == np.inf
    assert converged[0]


@pytest.mark.parametrize("near", [0.0, 1e-300, 1e-20])
def test_one_neighbor_infinitely_nearer_than_the_rest(near):
    weights, _, converged = perplexity_weights([[near, 1.0, 1.0, 1.0, 1.0]], 3.0)
    assert converged[0]
    np.testing.assert_allclose(perplexity_of(weights), 3.0, rtol=1e-6)
    assert weights[0, 0] > weights[0, 1]
    np.testing.assert_allclose(weights[0, 1:], weights[0, 1])


def test_some_neighbors_infinitely_further_than_the_rest():
    near = np.array([1.0, 2.0, 3.0, 4.0])
    weights = perplexity_weights([[*near, 1e200, np.inf]], 2.5).weights[0]
    np.testing.assert_allclose(weights[:4], perplexity_weights([near], 2.5).weights[0], atol=1e-8)
    np.testing.assert_array_equal(weights[4:], 0)


def test_near_ties_are_told_apart():
    distances = 1.0 + 1e-13 * np.arange(8.0)
    weights, _, converged = perplexity_weights([distances], 3.0)
    assert converged[0]
    assert (np.diff(weights[0]) < 0).all()


def test_a_search_cut_short_says_so():
    distances = np.sort(np.random.default_rng(0).gamma(2, size=(50, 9)), axis=1)
    weights, _, converged = perplexity_weights(distances, 4.0, max_iter=2)
    assert not converged.any()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert perplexity_weights(distances, 4.0).converged.all()


@pytest.mark.parametrize(
    "distances", [[1.0, 2.0], np.empty((2, 0)), [[1.0, np.nan]], [[1.0, -1.0]]]
)
def test_bad_distances(distances):
    with pytest.raises(ValueError, match=r"'distances' parameter .* \(m, k\).* without NaN"):
        perplexity_weights(distances, 2.0)


def test_a_row_without_a_finite_distance():
    with pytest.raises(ValueError, match=r"finite value in every row.* Got 1 row"):
        perplexity_weights([[1.0, 2.0], [np.inf, np.inf]], 2.0)


@pytest.mark.parametrize("perplexity", [0.99, -1, np.nan])
def test_bad_perplexity(perplexity):
    with pytest.raises(ValueError, match=r"'perplexity' parameter .* at least 1. Got"):
        perplexity_weights([[1.0, 2.0]], perplexity)


def test_the_smallest_floats_are_ties():
    smallest = np.nextafter(0.0, 1.0)
    weights, _, converged = perplexity_weights([[1.0, 0.0, smallest, smallest, smallest]], 2.0)
    assert converged[0]
    np.testing.assert_allclose(weights.sum(), 1.0)
    assert weights[0, 0] == 0


def test_newton_steps_do_not_circle_about_the_root():
    # Found by a property test: whole steps hopped over the root of this row 300 times.
    distances = [3.742, 3.827, 4.024, 4.264, 4.341, 4.400, 4.441, 4.460, 4.553, 4.566, 4.619]
    distances = [[*distances, 4.705, 4.718, 4.756, 4.802]]
    weights, _, converged = perplexity_weights(distances, 5.0, max_iter=30)
    assert converged[0]
    np.testing.assert_allclose(perplexity_of(weights), 5.0, rtol=1e-8)


def test_every_ordinary_row_converges():
    rng = np.random.default_rng(0)
    for scale in (0.01, 0.1, 1.0, 3.0):
        distances = np.exp(scale * rng.normal(size=(20_000, 15)))
        for perplexity in (1.3, 5.0, 14.5):
            assert perplexity_weights(distances, perplexity, max_iter=60).converged.all()
