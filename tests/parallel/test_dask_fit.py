"""Fits over Dask collections give the scores of fits in memory, for any chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierEnsemble,
    PartialWhitener,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood._optional import is_installed

if not is_installed("distributed"):
    pytest.skip("distributed (extra 'dask') is not installed", allow_module_level=True)

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd

from skood.parallel import DaskOutlierDetector, ShardedIndex

from ..detectors import DETECTORS, rows

X = rows(90)
X[60:70] = X[:10]
Y = np.where(X[:, 0] > 2.0, "right", "left")
Q = np.vstack([rows(30, seed=1) * 2, X[5:15]])


@pytest.fixture(autouse=True)
def _one_thread():
    with dask.config.set(scheduler="sync"):
        yield


chunks = st.sets(st.integers(1, len(X) - 1), max_size=7).map(
    lambda cuts: tuple(np.diff([0, *sorted(cuts), len(X)]).tolist())
)


@pytest.mark.parametrize("labels", [None, Y], ids=["plain", "classes"])
@pytest.mark.parametrize(
    "options",
    [{}, {"covariance": "oas", "normalize": True}, {"covariance": "empirical"}, {"relative": True}],
    ids=str,
)
@settings(max_examples=5)
@given(sizes=chunks)
def test_mahalanobis_by_sums(options, labels, sizes):
    if options.get("relative") and labels is None:
        return
    in_memory = MahalanobisOutlierDetector(**options, threshold_samples=40, random_state=0)
    lazy = DaskOutlierDetector(clone(in_memory)).fit(da.from_array(X, chunks=(sizes, 3)), labels)
    in_memory.fit(X, labels)
    fitted = lazy.detector_
    np.testing.assert_array_equal(fitted.training_indices_, in_memory.training_indices_)
    np.testing.assert_allclose(fitted.training_scores_, in_memory.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(fitted.covariance_, in_memory.covariance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(lazy.score_samples(Q), in_memory.score_samples(Q), rtol=1e-6)


@settings(max_examples=10)
@given(
    sizes=chunks,
    covariance=st.sampled_from(["ledoit_wolf", "oas", "empirical"]),
    length_power=st.sampled_from([0.0, 0.5]),
)
def test_whitening_by_sums(sizes, covariance, length_power):
    parameters = {"covariance": covariance, "length_power": length_power}
    whitener = PartialWhitener(**parameters).fit(X)
    pipeline = make_pipeline(PartialWhitener(**parameters), KNNOutlierDetector())
    lazy = DaskOutlierDetector(pipeline).fit(da.from_array(X, chunks=(sizes, -1)))
    np.testing.assert_allclose(lazy.detector_[0].scales_, whitener.scales_, rtol=1e-9)
    np.testing.assert_allclose(lazy.detector_[0].transform(Q), whitener.transform(Q), rtol=1e-6)


@pytest.mark.parametrize("frame", [False, True], ids=["array", "frame"])
@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(), LCPOutlierDetector()),
        (MinMaxScaler(), MaxAbsScaler(), "passthrough", KNNOutlierDetector()),
        (StandardScaler(), PCA(2), LCPOutlierDetector()),
        (FrozenEstimator(StandardScaler().fit(X * 2)), KNNOutlierDetector()),
        (PartialWhitener(), MahalanobisOutlierDetector(covariance="mincovdet", random_state=0)),
        tuple(step for _, step in make_outlier_detector("embedding").steps),
    ],
    ids=lambda steps: "-".join(getattr(s, "__class__", s).__name__ for s in steps),
)
def test_pipelines_step_by_step(steps, frame):
    in_memory = make_pipeline(*steps)
    lazy = DaskOutlierDetector(make_pipeline(*map(_over_shards, steps)))
    if frame:
        names = list("abcd")
        memory, queries = pd.DataFrame(X, columns=names), pd.DataFrame(Q, columns=names)
        if any(isinstance(step, FrozenEstimator) for step in steps):
            pytest.skip("the frozen scaler was fitted without names, which scikit-learn warns of")
        chunked = dd.from_pandas(memory, npartitions=4)
        lazy_queries = dd.from_pandas(queries, npartitions=2)
    else:
        memory, queries = X, Q
        chunked, lazy_queries = da.from_array(X, chunks=(40, 2)), da.from_array(Q, chunks=(13, 2))
    in_memory.fit(memory)
    lazy.fit(chunked)
    expected = in_memory.score_samples(queries)
    np.testing.assert_allclose(lazy.score_samples(lazy_queries), expected, rtol=1e-6)
    np.testing.assert_array_equal(lazy.predict(lazy_queries), in_memory.predict(queries))
    assert lazy.offset_ == pytest.approx(in_memory[-1].offset_)
    assert list(getattr(lazy, "feature_names_in_", [])) == (list("abcd") if frame else [])


def _over_shards(step):
    """A detector by neighbours gets its rows in shards; any other step stays unchanged."""
    if not hasattr(step, "algorithm"):
        return step
    return clone(step).set_params(algorithm=ShardedIndex(n_shards=3))


@pytest.mark.parametrize("case", DETECTORS, ids=str)
def test_any_other_detector_is_fitted_to_all_rows_here(case):
    chunked = da.from_array(X, chunks=(40, -1))
    lazy = DaskOutlierDetector(case.make()).fit(chunked)
    expected = case.make().fit(X).score_samples(Q)
    np.testing.assert_allclose(lazy.score_samples(Q), expected, rtol=1e-6)
    labelled = DaskOutlierDetector(case.make()).fit(chunked, da.from_array(Y, chunks=40))
    np.testing.assert_array_equal(labelled.classes_, ["left", "right"])


def test_labels_of_shards():
    chunked = da.from_array(X, chunks=(40, -1))
    over = KNNOutlierDetector(algorithm=ShardedIndex())
    lazy = DaskOutlierDetector(over).fit(chunked, da.from_array(Y, chunks=30))
    np.testing.assert_array_equal(lazy.detector_.training_labels_, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        DaskOutlierDetector(over).fit(chunked, Y[1:])


@pytest.mark.skipif(not is_installed("torch"), reason="torch is not installed")
def test_torch_features_chunk_by_chunk():
    import torch
    from torch import nn

    from skood.deep import TorchFeatureTransformer

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5))
    images = np.random.default_rng(0).random((50, 1, 6, 6), dtype=np.float32)
    layers = TorchFeatureTransformer(net, layers=["1", "3"], batch_size=8)
    in_memory = make_pipeline(layers, KNNOutlierDetector()).fit(images)
    over = make_pipeline(layers, KNNOutlierDetector(algorithm=ShardedIndex(n_shards=2)))
    chunked = da.from_array(images, chunks=(20, 1, 3, 6))
    lazy = DaskOutlierDetector(over).fit(chunked)
    np.testing.assert_allclose(
        lazy.score_samples(chunked), in_memory.score_samples(images), rtol=1e-6
    )
    plain = DaskOutlierDetector(in_memory).score_samples(chunked)
    np.testing.assert_allclose(plain, in_memory.score_samples(images), rtol=1e-6)


@pytest.mark.parametrize("frame", [False, True], ids=["array", "frame"])
def test_outlier_pipelines_keep_rows_out_of_all_steps(frame):
    X = rows(90, 4)
    chunked = da.from_array(X, chunks=(40, 2))
    if frame:
        X = pd.DataFrame(X, columns=list("abcd"))
        chunked = dd.from_pandas(X, npartitions=4)
    for locality in (0.0, 0.5):
        last = LCPOutlierDetector(locality=locality)
        in_memory = make_outlier_pipeline(StandardScaler(), last, random_state=0)
        lazy = DaskOutlierDetector(clone(in_memory)).fit(chunked)
        in_memory.fit(X)
        np.testing.assert_array_equal(lazy.training_indices_, np.arange(90))
        np.testing.assert_allclose(lazy.training_scores_, in_memory.training_scores_, rtol=1e-6)
        np.testing.assert_allclose(
            lazy.score_samples(chunked), in_memory.score_samples(X), rtol=1e-6
        )
        np.testing.assert_array_equal(lazy.predict(chunked), in_memory.predict(X))
        assert lazy.offset_ == pytest.approx(in_memory.offset_)


@pytest.mark.parametrize("trim", [0.0, 0.1])
def test_members_of_an_ensemble_are_fitted_over_the_chunks(trim):
    X = rows(90, 4)
    white = make_outlier_pipeline(PartialWhitener(1.0), KNNOutlierDetector(), trim=trim)
    scaled = make_outlier_pipeline(StandardScaler(), LCPOutlierDetector(), random_state=0)
    in_memory = OutlierEnsemble([("white", white), ("scaled", scaled)], n_folds=5, random_state=0)
    lazy = DaskOutlierDetector(clone(in_memory)).fit(da.from_array(X, chunks=(40, 2)))
    in_memory.fit(X)
    new = rows(30, 4, seed=1) * 2
    scores = lazy.score_samples(da.from_array(new, chunks=(7, 4)))
    np.testing.assert_allclose(scores, in_memory.score_samples(new), rtol=1e-6)
    assert lazy.offset_ == pytest.approx(in_memory.offset_)
