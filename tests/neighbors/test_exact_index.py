"""The index contract, and exact neighbours whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from skood.neighbors import ExactIndex, KDTreeIndex, Neighbors
from skood.neighbors import _closeness as closeness
from skood.neighbors import _exact_search as engine
from skood.neighbors._closeness import ClosenessReference
from skood.rows.lookup import RowLookup

from ..detectors import rows

each_index = pytest.mark.parametrize("make", [ExactIndex, KDTreeIndex])


def plain_neighbors(X, Q, k, metric="euclidean", left_out=None):
    """Row by row in float64; ties in the order of training."""
    X, Q = X.astype(float), Q.astype(float)
    if metric == "cosine":
        X, Q = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, Q))
    indices, distances = [], []
    for i, q in enumerate(Q):
        unit = np.exp2(np.floor(np.log2(max(np.abs(X - q).max(), 1e-300))))
        d = unit * np.sqrt((((X - q) / unit) ** 2).sum(axis=1))
        if left_out is not None and left_out[i] >= 0:
            d[left_out[i]] = np.inf
        nearest = np.lexsort((np.arange(len(X)), d))[:k]
        indices.append(nearest)
        distances.append(d[nearest])
    distances = np.array(distances)
    return np.array(indices), distances**2 / 2 if metric == "cosine" else distances


def _data(kind, n, m, d, dtype, seed=0):
    rng = np.random.default_rng(seed)
    X, Q = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    if kind == "offset":
        X, Q = X + 1e4, Q + 1e4
    elif kind == "outlier":
        X[0] *= 1e6
    elif kind == "huge":
        unit = 1e150 if dtype is np.float64 else 1e30
        X, Q = X * unit, Q * unit
    elif kind == "tiny":
        unit = 1e-150 if dtype is np.float64 else 1e-30
        X, Q = X * unit, Q * unit
    return X.astype(dtype), Q.astype(dtype)


@each_index
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["plain", "offset", "outlier", "huge", "tiny"])
@pytest.mark.parametrize(
    ("n", "m", "d", "k"), [(2500, 90, 8, 15), (5000, 3, 40, 7), (40, 5, 3, 40), (2100, 40, 2, 2090)]
)
def test_equals_a_plain_search(make, kind, dtype, n, m, d, k):
    X, Q = _data(kind, n, m, d, dtype)
    found = make().fit(X).query(Q, k)
    indices, distances = plain_neighbors(X, Q, k)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("kind", ["plain", "offset", "outlier", "huge", "tiny"])
def test_a_query_has_the_same_answer_alone_and_among_others(kind, metric, dtype, monkeypatch):
    X, Q = _data(kind, 5001, 40, 8, dtype)
    X[100:400], Q[:3] = X[0], X[[0, 7, 5000]]  # more ties than neighbours
    left_out = np.where(np.arange(40) % 2 == 0, np.arange(40) * 100, -1)
    index = ExactIndex(metric=metric).fit(X)
    together = index.query(Q, 9, exclude=left_out)
    for cells in (closeness._BLOCK_CELLS, closeness.TRAINING_BLOCK):  # in one block, and in three
        monkeypatch.setattr(closeness, "_BLOCK_CELLS", cells)
        for i in range(40):
            alone = index.query(Q[[i]], 9, exclude=left_out[[i]])
            np.testing.assert_array_equal(alone.indices[0], together.indices[i])
            np.testing.assert_array_equal(alone.distances[0], together.distances[i])


@each_index
def test_recall_with_an_offset_in_float32(make):
    # Told from float64 rows: the rows that float32 can hold are the rows as given.
    X, Q = _data("offset", 5000, 200, 16, np.float32)
    found = make().fit(X).query(Q, 10)
    wide = make().fit(X.astype(np.float64)).query(Q.astype(np.float64), 10)
    np.testing.assert_array_equal(found.indices, wide.indices)


@each_index
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(st.integers(0, 2**16), st.integers(1, 12), st.sampled_from([1, 2, 5]))
def test_ties_stand_in_the_order_of_training(make, dtype, seed, k, d):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, size=(60, d)).astype(dtype)
    Q = rng.integers(-1, 2, size=(9, d)).astype(dtype)
    found = make().fit(X).query(Q, k)
    indices, distances = plain_neighbors(X, Q, k)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_more_ties_than_fit_in_memory_at_a_time(dtype, monkeypatch):
    monkeypatch.setattr(engine, "_MAX_PAIRS", 5000)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(9000, 3)).astype(dtype)  # eight points, each a thousand times
    Q = rng.integers(0, 2, size=(50, 3)).astype(dtype)
    found = ExactIndex().fit(X).query(Q, 20)
    indices, distances = plain_neighbors(X, Q, 20)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.distances, distances)


@each_index
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_metrics(make, metric, dtype):
    X, Q = _data("plain", 1500, 40, 12, dtype)
    found = make(metric=metric).fit(X).query(Q, 9)
    indices, distances = plain_neighbors(X, Q, 9, metric)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-11)


@each_index
def test_training_rows_are_left_out_by_position(make):
    X = rows(300, 3)
    X[40:45] = X[7]
    index = make().fit(X)
    found = index.query_training(6)
    indices, distances = plain_neighbors(X, X, 6, left_out=np.arange(300))
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    assert not (found.indices == np.arange(300)[:, np.newaxis]).any()
    np.testing.assert_array_equal(found.indices[7, :5], [40, 41, 42, 43, 44])
    some = index.query_training(6, [44, 7, 299])
    np.testing.assert_array_equal(some.indices, found.indices[[44, 7, 299]])


@each_index
def test_rows_left_out_of_a_query(make):
    X, Q = rows(200, 3), rows(30, 3, seed=1)
    exclude = np.where(np.arange(30) % 3 == 0, -1, np.arange(30))
    found = make().fit(X).query(Q, 5, exclude=exclude)
    indices, _ = plain_neighbors(X, Q, 5, left_out=exclude)
    np.testing.assert_array_equal(found.indices, indices)


@pytest.mark.parametrize("m", [100, 700])
@each_index
def test_threads_and_working_memory_change_nothing(make, m):
    X, Q = _data("plain", 5000, m, 20, np.float32)
    expected = make(n_jobs=1).fit(X).query(Q, 11)
    for n_jobs in (None, 2, 3, -1):
        found = make(n_jobs=n_jobs).fit(X).query(Q, 11)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)
    with threadpool_limits(2, user_api="blas"):  # of few queries, the BLAS shares out the product
        found = make(n_jobs=2).fit(X).query(Q, 11)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.distances, expected.distances)
    with sklearn.config_context(working_memory=1):
        small = make().fit(X).query(Q, 11)
    np.testing.assert_array_equal(small.indices, expected.indices)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mean_near_the_origin_is_not_taken_off(dtype):
    X, Q = rows(3000, 6, dtype=dtype), rows(300, 6, dtype=dtype, seed=1)
    X -= X.mean(axis=0) - 0.01
    for offset, is_near in ((0.0, True), (0.2, False)):
        reference = ClosenessReference(X + dtype(offset))
        assert bool(reference.centre.any()) is not is_near
        found = ExactIndex().fit(X + dtype(offset)).query(Q, 7)
        indices, distances = plain_neighbors(X + dtype(offset), Q, 7)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


@each_index
def test_no_rows_to_search_for(make):
    found = make().fit(rows()).query_training(3, [])
    assert found.indices.shape == found.distances.shape == (0, 3)


@each_index
def test_answer_is_a_named_pair(make):
    found = make().fit(rows()).query(rows(2, seed=1), 3)
    assert isinstance(found, Neighbors)
    indices, distances = found
    assert indices.dtype == np.intp
    assert distances.dtype == np.float64
    assert (np.diff(distances, axis=1) >= 0).all()


@each_index
@pytest.mark.parametrize("k", [0, 61, 2.0, True])
def test_bad_k(make, k):
    with pytest.raises(
        ValueError, match=r"'k' parameter of \w+Index.query must be an int in \[1, 60\]"
    ):
        make().fit(rows()).query(rows(3), k)


@each_index
def test_k_of_all_other_training_rows(make):
    index = make().fit(rows())
    assert index.query_training(59).indices.shape == (60, 59)
    with pytest.raises(ValueError, match=r"must be an int in \[1, 59\]. Got 60"):
        index.query_training(60)


@each_index
@pytest.mark.parametrize("exclude", [[0, 1], [0.0, 1.0, 2.0], [0, 1, 60], [-2, 0, 0]])
def test_bad_exclude(make, exclude):
    with pytest.raises(
        ValueError, match=r"'exclude' parameter .* array of 3 positions in \[-1, 60\)"
    ):
        make().fit(rows()).query(rows(3, seed=1), 2, exclude=exclude)


@each_index
def test_not_fitted(make):
    with pytest.raises(NotFittedError, match=f"{make.__name__} instance is not fitted"):
        make().query(rows(), 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_lookup_finds_equal_rows_and_no_others(dtype):
    X = rows(500, 3, dtype=dtype)
    X[100:110] = X[3]
    X[200] = [0.0, 1.0, -0.0]
    lookup = RowLookup(X)
    first = np.arange(500)
    first[100:110] = 3
    np.testing.assert_array_equal(lookup.find(X), first)
    assert (lookup.find(np.nextafter(X[:99], dtype(9))) == -1).all()
    np.testing.assert_array_equal(lookup.find(np.array([[-0.0, 1.0, 0.0]], dtype=dtype)), [200])


def test_row_lookup_with_rows_of_one_hash(monkeypatch):
    monkeypatch.setattr(RowLookup, "_hash", lambda _, rows: (rows[:, 0] % 2).astype(np.uint64))
    X = np.arange(40.0).reshape(20, 2)
    np.testing.assert_array_equal(RowLookup(X).find(X[::-1]), np.arange(20)[::-1])
    assert (RowLookup(X).find(X + 100) == -1).all()


@pytest.mark.parametrize("spread", [1e-3, 1e-6])
def test_tight_heaps_far_apart_are_told_apart_in_float64(spread):
    # float32 products see each heap as one point: every row of it is a candidate
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 6)) * 1e3
    X = centres[rng.integers(0, 5, 6000)] + spread * rng.normal(size=(6000, 6))
    Q = centres[rng.integers(0, 5, 1500)] + spread * rng.normal(size=(1500, 6))
    index = ExactIndex(n_jobs=1).fit(X)
    found = index.query(Q, 8)
    assert index._engine.reference.product_dtype == np.float64  # it has noticed
    indices, distances = plain_neighbors(X, Q[:200], 8)
    np.testing.assert_array_equal(found.indices[:200], indices)
    np.testing.assert_allclose(found.distances[:200], distances, rtol=1e-9)
    np.testing.assert_array_equal(index.query(Q, 8).indices, found.indices)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [20, 80])
@pytest.mark.parametrize("far", [1e3, 1e6])
def test_far_rows_before_near_ones_take_no_digits_of_these(dtype, m, far, monkeypatch):
    # the bound after the far rows is as large as their squares, and the near rows are not
    monkeypatch.setattr(closeness, "_BLOCK_CELLS", 4096 * m)
    rng = np.random.default_rng(0)
    around = rng.normal(size=(2048, 8))
    around *= far / np.linalg.norm(around, axis=1, keepdims=True)
    X = np.concatenate([around, -around, rng.normal(size=(5000, 8))]).astype(dtype)
    Q = rng.normal(size=(m, 8)).astype(dtype)
    found = ExactIndex().fit(X).query(Q, 10)
    np.testing.assert_array_equal(found.indices, plain_neighbors(X, Q, 10)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("m", [1, 20, 80])
@pytest.mark.parametrize(("n", "unit"), [(400, 1.0), (400, 1e-30), (5000, 1.0)])
def test_pairs_within_the_radius_of_a_training_row(dtype, metric, m, n, unit):
    X, Q = (dtype(unit) * (rows(size, 9, seed=size, dtype=dtype) + dtype(2)) for size in (n, m))
    X[::50] *= dtype(30)  # radii of a block that are not alike
    Q[0] = X[7]
    if m > 1:
        Q[1] = X[3] * 1e7  # too far away for the product
    index = ExactIndex(metric=metric).fit(X)
    order, distances = plain_neighbors(X, Q, n, metric)
    every = np.take_along_axis(distances, np.argsort(order, axis=1), axis=1)
    radii = np.quantile(every, np.linspace(0, 0.3, n))
    np.random.default_rng(0).shuffle(radii)
    radii[7:9] = 0.0, np.inf
    neighbors, (queries, found, lengths) = index.answer_within(Q, 5, index.reach_of(radii))
    np.testing.assert_array_equal(neighbors.indices, order[:, :5])
    clearly = np.argwhere(every < radii * (1 - 1e-9))
    pairs = np.column_stack([queries, found])
    assert set(map(tuple, clearly)) <= set(map(tuple, pairs))
    assert (lengths <= radii[found] * (1 + 1e-9)).all()
    np.testing.assert_allclose(lengths, every[queries, found], rtol=1e-6, atol=1e-9 * unit)
    assert len(set(map(tuple, pairs))) == len(pairs)
