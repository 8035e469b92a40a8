"""Neighbours and scores over shards are those of one index over all rows."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skood import (
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    LOFOutlierDetector,
    PartialWhitener,
    explain,
)
from skood._optional import is_installed
from skood.neighbors import ExactIndex, FaissIndex, KDTreeIndex

if not is_installed("distributed"):
    pytest.skip("distributed (extra 'dask') is not installed", allow_module_level=True)

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd

from skood.parallel import DaskOutlierDetector, ShardedIndex

from ..detectors import rows


@pytest.fixture(autouse=True)
def _one_thread():
    with dask.config.set(scheduler="sync"):
        yield


@st.composite
def sharded_rows(draw):
    """Rows with copies and ties, in random chunks, and queries; some queries are rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n, dtype = draw(st.integers(8, 60)), draw(st.sampled_from([np.float32, np.float64]))
    if draw(st.booleans()):
        X = rng.integers(1, 4, size=(n, 3)).astype(dtype)  # ties, and many equal rows
    else:
        X = rng.normal(size=(n, 3)).astype(dtype) + draw(st.sampled_from([0.0, 1e3]))
        X[rng.integers(n, size=n // 3)] = X[0]  # more copies than neighbours, over all shards
    Q = np.vstack([X[rng.integers(n, size=9)], X[:3] + 0.5, -X[:2] - 7.0])
    cuts = draw(st.sets(st.integers(1, n - 1), max_size=6))
    chunks = tuple(np.diff([0, *sorted(cuts), n]).tolist())
    return X.astype(dtype), Q.astype(dtype), da.from_array(X.astype(dtype), chunks=(chunks, -1))


INNER = [
    ExactIndex(),
    ExactIndex(metric="cosine"),
    KDTreeIndex(),
    pytest.param(
        FaissIndex(exact_below=0, kind="ivf", random_state=0, target_recall=1.0),
        marks=pytest.mark.skipif(not is_installed("faiss"), reason="faiss is not installed"),
    ),
]


@pytest.mark.parametrize("inner", INNER[:3], ids=str)
@settings(max_examples=8)
@given(data=sharded_rows(), k=st.integers(1, 7))
def test_neighbours_are_those_of_one_index(inner, data, k):
    X, Q, chunked = data
    unsharded, sharded = clone(inner).fit(X), ShardedIndex(inner).fit(chunked)
    assert sharded.shard_sizes_ == chunked.chunks[0]
    for ours, theirs in [
        (sharded.query(Q, k), unsharded.query(Q, k)),
        (sharded.query_training(k), unsharded.query_training(k)),
        (sharded.query_training(k, [5, 0]), unsharded.query_training(k, [5, 0])),
        (
            sharded.answer(Q, k, unsharded.find_equal(Q)),
            unsharded.answer(Q, k, unsharded.find_equal(Q)),
        ),
    ]:
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        np.testing.assert_array_equal(ours.distances, theirs.distances)
    np.testing.assert_array_equal(sharded.find_equal(Q), unsharded.find_equal(Q))
    np.testing.assert_array_equal(sharded.training_rows_[2:5], X[2:5])


DETECTORS = [
    KNNOutlierDetector(3),
    KNNOutlierDetector(3, aggregation="max", metric="cosine"),
    LCPOutlierDetector(5, perplexity=3.0),
    LCPOutlierDetector(5, perplexity=3.0, metric="cosine", variance_weight=0.3),
    LCPOutlierDetector(5, perplexity=3.0, locality=0.5),
    LOFOutlierDetector(4),
    LOFOutlierDetector(4, metric="cosine"),
    KernelDensityOutlierDetector(),
]


@pytest.mark.parametrize("plain", DETECTORS, ids=str)
@settings(max_examples=5)
@given(data=sharded_rows(), seed=st.integers(0, 9))
def test_scores_and_thresholds_are_those_of_one_index(plain, data, seed):
    X, Q, chunked = data
    inner = ExactIndex(metric=getattr(plain, "metric", "euclidean"))
    plain = clone(plain).set_params(threshold_samples=20, random_state=seed, algorithm=inner)
    unsharded = clone(plain).fit(X)
    sharded = clone(plain).set_params(algorithm=ShardedIndex(inner)).fit(chunked)
    np.testing.assert_array_equal(sharded.training_indices_, unsharded.training_indices_)
    np.testing.assert_allclose(
        sharded.training_scores_, unsharded.training_scores_, rtol=1e-6, atol=1e-7
    )
    np.testing.assert_allclose(sharded.offset_, unsharded.offset_, rtol=1e-6, atol=1e-7)
    expected = unsharded.score_samples(Q)
    np.testing.assert_allclose(sharded.score_samples(Q), expected, rtol=1e-6, atol=1e-7)
    lazy = DaskOutlierDetector(sharded).score_samples(da.from_array(Q, chunks=(4, 2)))
    assert lazy.chunks == ((4, 4, 4, 2),)
    np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("inner", INNER, ids=str)
@pytest.mark.parametrize("n_shards", [None, 1, 4])
def test_any_index_in_any_number_of_shards(inner, n_shards):
    X = rows(200)
    index = ShardedIndex(inner, n_shards=n_shards).fit(da.from_array(X, chunks=(70, -1)))
    sizes = {None: (70, 70, 60), 1: (200,), 4: (50,) * 4}
    assert index.shard_sizes_ == sizes[n_shards]
    unsharded = ExactIndex(metric=inner.metric).fit(X)
    np.testing.assert_allclose(
        index.query(X, 3).distances, unsharded.query(X, 3).distances, atol=1e-12
    )


def test_pipelines_and_p_values_over_shards():
    X, Q = rows(300), np.vstack([rows(40, seed=1), rows(9, seed=2) * 5])
    calibration = rows(80, seed=3)
    names = list("abcd")
    sharded = make_pipeline(
        StandardScaler(), PartialWhitener(), LCPOutlierDetector(algorithm=ShardedIndex(n_shards=3))
    )
    unsharded = make_pipeline(StandardScaler(), PartialWhitener(), LCPOutlierDetector())
    frames = [pd.DataFrame(A, columns=names) for A in (X, Q, calibration)]
    unsharded.fit(frames[0])
    lazy = DaskOutlierDetector(sharded).fit(dd.from_pandas(frames[0], npartitions=4))
    chunked = dd.from_pandas(frames[1], npartitions=3)
    for method in ("score_samples", "decision_function", "predict"):
        results = getattr(lazy, method)(chunked)
        assert results.divisions == chunked.divisions
        np.testing.assert_allclose(results, getattr(unsharded, method)(frames[1]), rtol=1e-6)
    for control in ("marginal", "fdr"):
        calibrated = [
            ConformalOutlierDetector(
                FrozenEstimator(fitted), control=control, alpha=0.2, random_state=0
            ).fit(frames[2])
            for fitted in (lazy.detector_, unsharded)
        ]
        flags = DaskOutlierDetector(calibrated[0])
        np.testing.assert_array_equal(flags.p_values(chunked), calibrated[1].p_values(frames[1]))
        np.testing.assert_array_equal(flags.predict(chunked), calibrated[1].predict(frames[1]))


@pytest.mark.parametrize("method", ["full", "cv+"])
def test_shards_allow_a_split_alone(method):
    detector = KNNOutlierDetector(algorithm=ShardedIndex(n_shards=2))
    for inner in (detector, make_pipeline(StandardScaler(), detector)):
        with pytest.raises(ValueError, match=r"'method' parameter .* must be 'split' for "):
            ConformalOutlierDetector(inner, method=method).fit(da.from_array(rows(60)))


@pytest.mark.parametrize("n_shards", [None, 2])
def test_an_index_is_shared_and_never_changed(n_shards):
    X = da.from_array(rows(100), chunks=(30, -1))
    index = ShardedIndex(n_shards=n_shards)
    assert KNNOutlierDetector(algorithm=index).fit(X).index_ is not index
    assert not hasattr(index, "training_rows_")
    index.fit(X)
    detectors = [KNNOutlierDetector, LCPOutlierDetector, KernelDensityOutlierDetector]
    assert all(make(algorithm=index).fit(X).index_ is index for make in detectors)
    assert KNNOutlierDetector(algorithm=index).fit(X + 1.0).index_ is not index
    frame = dd.from_pandas(pd.DataFrame(rows(100), columns=list("abcd")), npartitions=3)
    of_frame = ShardedIndex(n_shards=n_shards).fit(frame)
    assert LCPOutlierDetector(algorithm=of_frame).fit(frame).index_ is of_frame


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])  # noqa: S301
def test_copies_build_their_shards_from_the_rows(copied):
    X, Q = rows(100), rows(20, seed=1)
    over = LCPOutlierDetector(algorithm=ShardedIndex(n_shards=3)).fit(X)
    np.testing.assert_array_equal(copied(over).score_samples(Q), over.score_samples(Q))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_explanations_over_shards(metric):
    X, Q = rows(100), rows(20, seed=1)
    index = ShardedIndex(ExactIndex(metric=metric), n_shards=3)
    sharded = LCPOutlierDetector(metric=metric, algorithm=index).fit(X)
    unsharded = LCPOutlierDetector(metric=metric).fit(X)
    np.testing.assert_allclose(explain(sharded, Q).shares, explain(unsharded, Q).shares, rtol=1e-9)
    densities = KernelDensityOutlierDetector(algorithm=ShardedIndex()).fit(X)
    with pytest.raises(ValueError, match="needs all training rows in this process"):
        explain(densities, Q)


def test_layers_over_shards_in_this_process():
    X, Q = rows(100), rows(20, seed=1)
    layers = [
        LayerEnsemble(KNNOutlierDetector(algorithm=algorithm), groups=[2, 2]).fit(X)
        for algorithm in ("exact", ShardedIndex(n_shards=3))
    ]
    expected = layers[0].score_samples(Q)
    np.testing.assert_allclose(layers[1].score_samples(Q), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [ShardedIndex(n_shards=2), DaskOutlierDetector(KNNOutlierDetector())],
    ids=["index", "detector"],
)
def test_check_estimator(estimator):
    with warnings.catch_warnings():
        # the checks fit on ten rows, fewer than the default number of neighbours
        warnings.filterwarnings("ignore", "n_neighbors=", UserWarning)
        warnings.filterwarnings("ignore", "Skipping check", UserWarning)
        results = check_estimator(estimator, on_fail="raise")
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}  # as in test_contract
    assert len(results) > 30
