"""Blocks, powers of two, and lengths: what the formulas and searches of all rooms are made of."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skood.measures import lcp_distance
from skood.measures.blocks import slices
from skood.measures.lengths import pair_distances, row_norms, scaled_lengths
from skood.measures.powers_of_two import power_of_two, safe_unit

UNITS = [1e-310, 1e-200, 1e-140, 1.0, 1e140, 1e200, 1e300]


@given(n=st.integers(0, 300), budget=st.integers(0, 500), each=st.integers(0, 90))
def test_slices_are_all_rows_in_order_and_within_the_budget(n, budget, each):
    parts = list(slices(n, budget, each))
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(n))
    lengths = [part.stop - part.start for part in parts]
    assert all(length == 1 or length * each <= budget for length in lengths)
    # Another row would be over the budget, but in the last block.
    assert all((length + 1) * max(1, each) > budget for length in lengths[:-1])


@given(st.floats(5e-324, 8e307))
def test_a_power_of_two_is_the_next_above_and_divides_exactly(value):
    unit = float(power_of_two(value))
    assert math.frexp(unit)[0] == 0.5
    assert unit / 2 <= value < unit
    assert Fraction(value / unit) == Fraction(value) / Fraction(unit)


def test_the_power_of_zero_is_the_given_one():
    np.testing.assert_array_equal(power_of_two([0.0, 1.0]), [1.0, 2.0])
    np.testing.assert_array_equal(power_of_two([0.0, 1.0], of_zero=0.25), [0.25, 2.0])


@pytest.mark.parametrize(
    ("largest", "unit"), [(1.0, 1.0), (1e-4, 1.0), (3e4, 1.0), (1e5, 2.0**17), (1e-9, 2.0**-29)]
)
def test_ordinary_values_have_the_unit_one(largest, unit):
    assert safe_unit(largest, 16) == unit


def _true_lengths(rows):
    """By whole numbers, so that no square overflows or vanishes."""
    squares = [sum(Fraction(float(value)) ** 2 for value in row) for row in rows]
    scale = 10**700
    return np.array([float(Fraction(math.isqrt(int(s * scale**2)), scale)) for s in squares])


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("shape", [(40, 5), (700, 300)])
def test_lengths_where_squares_overflow_or_vanish(unit, shape):
    rows = np.random.default_rng(0).normal(size=shape)
    rows[3] = 0.0
    rows[::2] *= unit
    checked = rows[:20]
    expected = _true_lengths(checked)
    for lengths in (row_norms(rows), scaled_lengths(rows)):
        # Subnormal numbers have few digits, and a length of them is rounded to one.
        np.testing.assert_allclose(lengths[:20], expected, rtol=1e-14, atol=5e-324)
    assert row_norms(rows)[3] == 0.0


@pytest.mark.parametrize("unit", UNITS)
def test_distances_of_pairs_and_lcp_are_such_lengths(unit):
    rng = np.random.default_rng(1)
    X, Q = (unit * rng.normal(size=(n, 6)) for n in (30, 9))
    q_rows, x_rows = np.repeat(np.arange(9), 30), np.tile(np.arange(30), 9)
    distances = pair_distances(X, Q, x_rows, q_rows)
    np.testing.assert_array_equal(distances, row_norms(X[x_rows] - Q[q_rows]))
    # A pair has the distance that it has alone.
    alone = [
        pair_distances(X, Q, x_rows[i : i + 1], q_rows[i : i + 1])[0] for i in range(len(q_rows))
    ]
    np.testing.assert_array_equal(distances, alone)
    # With one neighbour of all the weight, LCP is the distance from it.
    lcp = lcp_distance(Q, X[:9, np.newaxis], np.ones((9, 1)))
    np.testing.assert_array_equal(lcp, pair_distances(X, Q, np.arange(9), np.arange(9)))
