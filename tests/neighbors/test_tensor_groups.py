"""Groups of columns: nothing that reaches a bound is missed, and no bound is too high."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from skood.neighbors._tensor_groups import COLUMNS, GroupMaxima  # noqa: E402


@given(
    st.integers(1, 3), st.sampled_from([1, 2, 5]), st.integers(1, 300), st.integers(0, 2**32 - 1)
)
def test_lower_bounds_are_reached_by_so_many_columns(n_rows, n_blocks, k, seed):
    values = _values(n_rows, n_blocks * COLUMNS, seed)
    bounds = GroupMaxima(torch.from_numpy(values)).lower_bounds(k).numpy()
    k = min(k, values.shape[1])
    assert bounds.shape == (n_rows, k)
    assert (bounds[:, 0] == values.max(1)).all()
    for i in range(k):
        assert ((values >= bounds[:, [i]]).sum(1) > i).all()


@given(st.integers(1, 3), st.sampled_from([1, 2, 5]), st.integers(-4, 4), st.integers(0, 2**32 - 1))
def test_all_columns_that_reach_a_bound_are_found(n_rows, n_blocks, level, seed):
    values = _values(n_rows, n_blocks * COLUMNS, seed)
    bound = np.full((n_rows, 1), level, np.float32)
    bound[0] = -np.inf  # all that are there
    expected = (values >= bound) & (values > -np.inf)
    found = np.zeros_like(expected)
    for rows, columns, there in GroupMaxima(torch.from_numpy(values)).at_least(
        torch.from_numpy(bound)
    ):
        assert not found[rows, columns].any()
        found[rows, columns] = True
        np.testing.assert_array_equal(there, values[rows, columns])
    np.testing.assert_array_equal(found, expected)


def _values(n_rows, n_columns, seed):
    """With many ties, and some that are no columns at all."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, n_columns)).round(1).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = -np.inf
    return values
