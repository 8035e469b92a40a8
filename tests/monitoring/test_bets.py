"""Bets keep their mean under uniform numbers, and win on others."""

from __future__ import annotations

import numpy as np
import pytest

from skood.monitoring._bets import _FIXED, _MASS, EDGES, Bets

pytestmark = pytest.mark.arithmetic


def _streams(n: int, n_streams: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, n_streams))


def test_fixed_bets_are_densities():
    assert np.allclose(_MASS @ _FIXED, 1)
    assert _FIXED.min() >= 0.05
    assert EDGES[0] == 0
    assert EDGES[-1] == 1


@pytest.mark.parametrize("n_before", [0, 1, 30, 500])
@pytest.mark.parametrize("renewed", [False, True])
def test_the_mean_after_the_next_number_is_the_capital_before(n_before, renewed):
    # A number of each cell, in a stream of its own: all streams have the same past.
    n_cells = len(_MASS)
    past = np.repeat(_streams(n_before, 1, seed=n_before), n_cells, axis=1)
    bets = Bets(n_cells, renewed=renewed)
    before = bets.take(past)[-1, 0] if n_before else float(not renewed)
    after = bets.take((EDGES[1:] + EDGES[:-1])[np.newaxis] / 2)[0]
    assert np.isclose(_MASS @ after, before + renewed)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_capital_seldom_reaches_the_inverse_of_alpha(alpha):
    n_streams = 1_000
    highest = Bets(n_streams).take(_streams(1_500, n_streams, seed=2)).max(axis=0)
    n_alarms = int((highest >= 1 / alpha).sum())
    assert n_alarms <= alpha * n_streams + 3 * np.sqrt(alpha * (1 - alpha) * n_streams)


@pytest.mark.parametrize(
    ("change", "within"),
    [
        (lambda u: u**3, 60),  # lower
        (lambda u: 1 - (1 - u) ** 3, 60),  # higher: too typical
        (lambda u: 0.6 + u / 100, 30),  # stuck
        (lambda u: np.where(u < 0.05, u / 25, u), 600),  # a few rows far out
        (lambda u: 0.25 + u / 2, 150),  # too alike
        (lambda u: np.where(u < 0.5, u / 2, 1 - (1 - u) / 2), 300),  # spread
    ],
)
def test_bets_win_on_other_numbers(change, within):
    bets = Bets(50)
    bets.take(_streams(1_000, 50))
    values = bets.take(change(_streams(within, 50, seed=3)))
    assert np.mean(values.max(axis=0) >= 100) >= 0.9


@pytest.mark.parametrize("renewed", [False, True])
def test_blocks_and_single_numbers_give_the_same(renewed):
    numbers = _streams(200, 3)
    whole, single = Bets(3, renewed=renewed), Bets(3, renewed=renewed)
    expected = whole.take(numbers)
    values = np.concatenate([single.take(row[np.newaxis]) for row in numbers])
    assert np.allclose(values, expected, rtol=1e-9)
    assert np.allclose(single.counts, whole.counts)
    again = whole.copy()
    whole.take(numbers)
    assert np.allclose(again.take(numbers), single.take(numbers), rtol=1e-9)


@pytest.mark.parametrize("number", [0.0, 0.5, np.nextafter(1, 0)])
def test_stuck_numbers_overflow_nothing(number):
    bets = Bets(1)
    with np.errstate(all="raise", under="ignore"):
        values = bets.take(np.full((2_000, 1), number))
        again = [bets.take(np.full((1, 1), number))[0, 0] for _ in range(2_000)]
    assert np.isfinite(again).all()
    assert values[-1, 0] > 1e90
    assert np.isfinite(values).all()
