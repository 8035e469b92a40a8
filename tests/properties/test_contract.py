"""The estimator contract: what holds for every detector whatever its measure."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from skood import OutlierEnsemble
from skood.neighbors import NeighborIndex

from ..detectors import CALIBRATED, DETECTORS, INDEXES, RAW_INPUTS, VARIANTS, rows

everything = pytest.mark.parametrize("case", DETECTORS + VARIANTS + RAW_INPUTS, ids=str)
detectors = pytest.mark.parametrize("case", DETECTORS + RAW_INPUTS, ids=str)
# For tests that need no threshold at the contamination quantile of all training scores.
also_calibrated = pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + RAW_INPUTS, ids=str
)


WHY = "the contamination is the share of out-of-fold scores, not of training rows scored again"
OUT_OF_FOLD = dict.fromkeys(("check_outliers_train", "check_outliers_fit_predict"), WHY)


@pytest.mark.parametrize("make", [c.make for c in DETECTORS + CALIBRATED + RAW_INPUTS] + INDEXES)
def test_check_estimator(make):
    with warnings.catch_warnings():
        # the checks fit on ten rows, fewer than the default number of neighbours
        warnings.filterwarnings("ignore", "n_neighbors=", UserWarning)
        warnings.filterwarnings("ignore", "alpha=", UserWarning)
        warnings.filterwarnings("ignore", "Skipping check", UserWarning)
        estimator = make()
        expected = OUT_OF_FOLD if isinstance(estimator, OutlierEnsemble) else {}
        results = check_estimator(estimator, expected_failed_checks=expected, on_fail="raise")
    # This check is for estimators that take array-API input; skood's do not.
    others = {r["check_name"] for r in results if r["status"] != "passed"}
    assert others <= {"check_array_api_input", *expected}
    assert len(results) > 30


@also_calibrated
def test_constructor_stores_and_fit_leaves_parameters(case):
    detector = case.make()
    before = {name: id(value) for name, value in detector.get_params(deep=False).items()}
    assert not [name for name in vars(detector) if name.endswith("_")]
    detector.fit(rows())
    assert {n: id(v) for n, v in detector.get_params(deep=False).items()} == before


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_decisions_and_threshold_agree(case, dtype):
    X = rows(dtype=dtype)
    detector = case.make(contamination=0.2).fit(X)
    Q = np.vstack([rows(20, seed=1, dtype=dtype), rows(5, seed=2, dtype=dtype) * 30])
    scores = detector.score_samples(Q)
    assert scores.shape == (25,)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(detector.decision_function(Q), scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(Q), np.where(scores >= detector.offset_, 1, -1))
    assert (detector.training_scores_ < detector.offset_).sum() == 12
    assert set(detector.predict(Q)) == {-1, 1}
    np.testing.assert_array_equal(detector.fit_predict(X), detector.predict(X))


@also_calibrated
def test_fit_keeps_its_input_and_forgets_the_last_fit(case):
    X, y = rows(), np.arange(60) % 3
    kept = X.copy()
    detector = case.make().fit(X, y)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(detector.classes_, [0, 1, 2])
    other = rows(50, 6, seed=4)
    again = detector.fit(other)
    fresh = case.make().fit(other)
    assert again is detector
    assert set(vars(again)) == set(vars(fresh))
    Q = rows(8, 6, seed=5)
    np.testing.assert_array_equal(again.score_samples(Q), fresh.score_samples(Q))


@pytest.mark.parametrize("case", DETECTORS + CALIBRATED + RAW_INPUTS, ids=str)
@pytest.mark.parametrize(
    "y", [np.arange(60) % 4, np.where(np.arange(60) % 2, "a", "b"), np.arange(60) % 2 == 0]
)
def test_class_labels_are_stored(case, y):
    np.testing.assert_array_equal(case.make().fit(rows(), y).classes_, np.unique(y))


@pytest.mark.parametrize("case", DETECTORS + CALIBRATED + RAW_INPUTS, ids=str)
def test_values_that_are_no_labels_are_not_classes(case):
    assert not hasattr(case.make().fit(rows(), np.linspace(0, 1, 60)), "classes_")


@everything
def test_threshold_samples(case):
    X = rows(90)
    whole = case.make(threshold_samples=None).fit(X)
    some = case.make(threshold_samples=30, random_state=0).fit(X)
    assert len(whole.training_scores_) == 90
    assert len(np.unique(some.training_indices_)) == 30
    np.testing.assert_allclose(
        some.training_scores_, some.score_samples(X[some.training_indices_]), rtol=1e-9, atol=1e-12
    )
    if not case.threshold_sets_scale:
        np.testing.assert_allclose(
            some.training_scores_, whole.training_scores_[some.training_indices_], rtol=1e-9
        )
    expected = np.quantile(some.training_scores_, 0.05, method="weibull")
    assert some.offset_ == pytest.approx(expected, rel=1e-8)  # below ties
    same = case.make(threshold_samples=30, random_state=0).fit(X)
    other = case.make(threshold_samples=30, random_state=1).fit(X)
    np.testing.assert_array_equal(same.training_indices_, some.training_indices_)
    assert not np.array_equal(other.training_indices_, some.training_indices_)


@pytest.mark.parametrize("case", [c for c in DETECTORS + VARIANTS if c.neighbors], ids=str)
def test_an_index_is_shared_or_cloned_but_never_changed(case):
    X = rows()
    metric = case.make().metric
    index = INDEXES[0](metric=metric)
    detector = case.make(algorithm=index).fit(X)
    assert detector.index_ is not index
    assert not hasattr(index, "training_rows_")
    fitted = clone(index).fit(X)
    assert case.make(algorithm=fitted).fit(X).index_ is fitted
    moved = case.make(algorithm=fitted).fit(X + 1)
    assert moved.index_ is not fitted
    np.testing.assert_array_equal(fitted.training_rows_, X)
    np.testing.assert_array_equal(
        detector.score_samples(rows(9, seed=6)), case.make().fit(X).score_samples(rows(9, seed=6))
    )
    assert isinstance(detector.index_, NeighborIndex)
