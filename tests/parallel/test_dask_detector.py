"""Scores of Dask collections are those of the rows in memory, for any chunks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import ConformalOutlierDetector, KNNOutlierDetector, LCPOutlierDetector, PartialWhitener
from skood._optional import is_installed

if not is_installed("distributed"):
    pytest.skip("distributed (extra 'dask') is not installed", allow_module_level=True)

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd

from skood.parallel import DaskOutlierDetector

from ..detectors import CALIBRATED, DETECTORS, RAW_INPUTS, VARIANTS, rows

everything = pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + RAW_INPUTS, ids=str
)
_X, _Q = rows(60), np.vstack([rows(30, seed=1) * 2, rows(60)[:9]])
_FITTED: dict = {}


@pytest.fixture(autouse=True)
def _one_thread():
    with dask.config.set(scheduler="sync"):
        yield


def fitted(case):
    if case.name not in _FITTED:
        _FITTED[case.name] = case.make().fit(_X)
    return _FITTED[case.name]


@st.composite
def chunks(draw, n):
    """Sizes, all above 0, whose sum is n."""
    cuts = draw(st.sets(st.integers(1, n - 1), max_size=5))
    return tuple(np.diff([0, *sorted(cuts), n]).tolist())


@everything
@settings(max_examples=3)
@given(data=st.data())
def test_any_chunks_give_the_scores_in_memory(case, data):
    detector = fitted(case)
    lazy = DaskOutlierDetector(detector)
    Q = da.from_array(_Q, chunks=(data.draw(chunks(len(_Q))), data.draw(chunks(_Q.shape[1]))))
    scores, decisions = lazy.score_samples(Q), lazy.decision_function(Q)
    assert (scores.dtype, scores.chunks) == (np.float64, Q.chunks[:1])
    np.testing.assert_allclose(scores.compute(), detector.score_samples(_Q), rtol=1e-6)
    np.testing.assert_allclose(
        decisions.compute(), detector.decision_function(_Q), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("control", ["marginal", "fdr"])
@settings(max_examples=5)
@given(sizes=chunks(len(_Q)))
def test_p_values_and_decisions_of_all_rows_together(control, sizes):
    X = rows(300, seed=5)
    detector = ConformalOutlierDetector(
        make_pipeline(StandardScaler(), KNNOutlierDetector(3)),
        alpha=0.2,
        control=control,
        random_state=0,
    ).fit(X)
    Q = np.vstack([_Q, rows(5, seed=3) * 9])
    lazy, chunked = DaskOutlierDetector(detector), da.from_array(Q, chunks=((*sizes, 5), -1))
    np.testing.assert_array_equal(lazy.p_values(chunked).compute(), detector.p_values(Q))
    np.testing.assert_array_equal(
        lazy.p_values(chunked, random_ties=False).compute(),
        detector.p_values(Q, random_ties=False),
    )
    flags = lazy.predict(chunked)
    assert (flags.dtype, flags.chunks) == (np.int64, chunked.chunks[:1])
    np.testing.assert_array_equal(flags.compute(), detector.predict(Q))
    assert set(flags.compute()) == {-1, 1}
    frame = dd.from_pandas(pd.DataFrame(Q), npartitions=3)
    np.testing.assert_array_equal(lazy.predict(frame).compute(), detector.predict(Q))


def test_e_values_are_for_rows_in_memory():
    inner = ConformalOutlierDetector(KNNOutlierDetector(3), control="fdr-e", alpha=0.2)
    detector = inner.set_params(method="full").fit(rows(300, seed=5))
    lazy, Q = DaskOutlierDetector(detector), np.vstack([_Q, rows(5, seed=3) * 9])
    np.testing.assert_array_equal(lazy.predict(Q), detector.predict(Q))
    with pytest.raises(ValueError, match=r"can't decide by control='fdr-e' over the chunks"):
        lazy.predict(da.from_array(Q))


def test_frames_keep_index_divisions_and_names():
    names = ["a", "b", "c", "d"]
    detector = LCPOutlierDetector().fit(pd.DataFrame(_X, columns=names))
    frame = pd.DataFrame(_Q, columns=names, index=pd.date_range("2024-01-01", periods=len(_Q)))
    chunked = dd.from_pandas(frame, npartitions=4)
    lazy = DaskOutlierDetector(detector)
    for method, name, dtype in [
        ("score_samples", "score", np.float64),
        ("decision_function", "decision", np.float64),
        ("predict", "prediction", np.int64),
    ]:
        lazy_result = getattr(lazy, method)(chunked)
        assert (lazy_result.name, lazy_result.dtype) == (name, dtype)
        assert lazy_result.divisions == chunked.divisions
        computed = lazy_result.compute()
        pd.testing.assert_index_equal(computed.index, frame.index, exact="equiv")
        assert (computed.name, computed.dtype) == (name, dtype)
        np.testing.assert_allclose(computed, getattr(detector, method)(frame), rtol=1e-6)


def test_nothing_is_computed_before_it_is_asked_for():
    def never(block):
        raise AssertionError("computed")

    Q = da.from_array(_Q, chunks=(10, -1)).map_blocks(never, dtype=float, meta=np.empty((0, 0)))
    scores = DaskOutlierDetector(KNNOutlierDetector().fit(_X)).score_samples(Q)
    assert scores.shape == (len(_Q),)
    with pytest.raises(AssertionError, match="computed"):
        scores.compute()


def test_rows_in_memory_are_scored_at_once():
    lazy = DaskOutlierDetector(make_pipeline(PartialWhitener(), LCPOutlierDetector())).fit(_X)
    plain = make_pipeline(PartialWhitener(), LCPOutlierDetector()).fit(_X)
    for method in ("score_samples", "decision_function", "predict"):
        np.testing.assert_array_equal(getattr(lazy, method)(_Q), getattr(plain, method)(_Q))
    np.testing.assert_array_equal(lazy.fit_predict(_X), plain.predict(_X))
    assert lazy.n_features_in_ == 4
    assert lazy.offset_ == plain[-1].offset_


def test_fitted_ones_need_no_fit_and_are_not_changed():
    plain = KNNOutlierDetector().fit(_X)
    kept = dict(vars(plain))
    lazy = DaskOutlierDetector(plain)
    lazy.score_samples(da.from_array(_Q)).compute()
    assert vars(plain) == kept
    frozen = DaskOutlierDetector(FrozenEstimator(plain))
    np.testing.assert_array_equal(frozen.predict(da.from_array(_Q)).compute(), plain.predict(_Q))


def test_a_frozen_pipeline_is_not_fitted():
    frozen = FrozenEstimator(make_pipeline(StandardScaler(), KNNOutlierDetector()).fit(_X * 5.0))
    expected = frozen.score_samples(_Q)
    lazy = DaskOutlierDetector(frozen).fit(da.from_array(_X, chunks=(20, -1)))
    np.testing.assert_array_equal(frozen.score_samples(_Q), expected)
    np.testing.assert_array_equal(lazy.score_samples(_Q), expected)


def test_pickled_and_fitted_anew():
    lazy = DaskOutlierDetector(KNNOutlierDetector()).fit(_X)
    Q = da.from_array(_Q, chunks=(7, -1))
    first = lazy.score_samples(Q).compute()
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(lazy)).score_samples(Q).compute(),  # noqa: S301
        first,
    )
    again = lazy.fit(_X + 1.0).score_samples(Q).compute()
    np.testing.assert_array_equal(again, KNNOutlierDetector().fit(_X + 1.0).score_samples(_Q))
    assert not np.array_equal(first, again)
