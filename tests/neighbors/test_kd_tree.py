"""What only the k-d tree has: copies in one point, ties beyond the rows fetched, far queries."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skood import KNNOutlierDetector
from skood.neighbors import ExactIndex, KDTreeIndex, kd_tree

from ..detectors import rows


def assert_same(found, expected):
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)  # to the last bit


def assert_same_as_exact(X, Q, k, metric="euclidean"):
    tree, exact = KDTreeIndex(metric=metric).fit(X), ExactIndex(metric=metric).fit(X)
    assert_same(tree.query(Q, k), exact.query(Q, k))
    assert_same(tree.query_training(min(k, len(X) - 1)), exact.query_training(min(k, len(X) - 1)))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(st.integers(0, 2**16), st.integers(1, 20), st.sampled_from([1, 2, 4]), st.integers(1, 6))
def test_ties_and_copies_as_the_exact_index_has_them(metric, dtype, seed, k, d, largest):
    rng = np.random.default_rng(seed)
    X, Q = (rng.integers(1, largest + 1, size=(n, d)).astype(dtype) for n in (50, 12))
    assert_same_as_exact(X, Q, k, metric)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rows_around_a_circle_all_tie(metric):
    angle = np.arange(400) * (2 * np.pi / 400)
    X = np.column_stack([np.cos(angle), np.sin(angle), np.ones(400)])
    Q = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 5.0], [1.0, 0.0, 1.0]])
    assert_same_as_exact(X, Q, 7, metric)


def test_few_pairs_in_memory_at_a_time(monkeypatch):
    monkeypatch.setattr(kd_tree, "_MAX_PAIRS", 500)
    X = np.random.default_rng(0).integers(0, 6, size=(3000, 3)).astype(float)
    assert_same_as_exact(X, X[:100] + 0.5, 9)


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1.0, 1e150])
def test_queries_at_any_distance(unit):
    X = rows(300, 3) * unit
    Q = rows(40, 3, seed=1) * unit * np.logspace(0, 150, 40)[:, np.newaxis]
    assert_same_as_exact(X, Q, 5)


def test_rows_of_very_different_size():
    X = rows(300, 3) * np.logspace(-160, 140, 300)[:, np.newaxis]
    assert_same_as_exact(X, X * 1.5, 6)


def test_copies_are_one_point_of_the_tree():
    X = np.repeat(rows(50, 3), 200, axis=0)
    index = KDTreeIndex().fit(X)
    assert index._tree.n == 50
    np.testing.assert_array_equal(index.query(X[:1], 4).indices, [[0, 1, 2, 3]])
    np.testing.assert_array_equal(index.query_training(4, [1]).indices, [[0, 2, 3, 4]])


def test_leafsize_changes_nothing():
    X, Q = rows(800, 3), rows(50, 3, seed=1)
    expected = KDTreeIndex().fit(X).query(Q, 6)
    for leafsize in (1, 7, 1000):
        assert_same(KDTreeIndex(leafsize=leafsize).fit(X).query(Q, 6), expected)


def test_a_pickle_holds_no_tree():
    index = KDTreeIndex().fit(rows(5000, 3))
    data = pickle.dumps(index)
    assert len(data) < 2 * index.training_rows_.nbytes  # the rows, and their hashes in order
    Q = rows(20, 3, seed=1)
    assert_same(pickle.loads(data).query(Q, 5), index.query(Q, 5))  # noqa: S301


@pytest.mark.parametrize("leafsize", [0, 2.5, None])
def test_bad_leafsize(leafsize):
    with pytest.raises(ValueError, match=r"'leafsize' parameter of KDTreeIndex must be an int"):
        KDTreeIndex(leafsize=leafsize).fit(rows())


def test_auto_takes_the_tree_for_few_columns_only():
    for d, kind in [(1, KDTreeIndex), (8, KDTreeIndex), (9, ExactIndex)]:
        assert type(KNNOutlierDetector().fit(rows(60, d)).index_) is kind
    assert type(KNNOutlierDetector(algorithm="exact").fit(rows(60, 2)).index_) is ExactIndex
