"""Folds, and scores by fits that have not seen the row."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    PartialWhitener,
    make_outlier_pipeline,
)
from skood.calibration.cross_fit import cross_fitted, folds_of
from skood.metrics import auroc

from ..detectors import rows


@given(
    n=st.integers(2, 60),
    n_folds=st.integers(2, 8),
    n_classes=st.integers(0, 5),
    seed=st.integers(0, 99),
)
def test_each_row_is_in_one_fold_and_classes_are_divided_evenly(n, n_folds, n_classes, seed):
    y = np.random.default_rng(seed).integers(n_classes, size=n) if n_classes else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = folds_of(n, y, None, n_folds, seed)
    assert len(folds) == min(n, n_folds)
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(n))
    assert np.ptp([len(fold) for fold in folds]) <= 1
    for label in range(n_classes):
        assert np.ptp([(y[fold] == label).sum() for fold in folds]) <= 1


@given(n_groups=st.integers(2, 20), labelled=st.booleans(), seed=st.integers(0, 99))
def test_groups_stay_together(n_groups, labelled, seed):
    rng = np.random.default_rng(seed)
    groups = np.r_[np.arange(n_groups), rng.integers(n_groups, size=40)]
    y = groups % 3 if labelled else None
    folds = folds_of(len(groups), y, groups, 5, seed)
    assert len(folds) == min(5, n_groups)
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(len(groups)))
    members = [set(groups[fold]) for fold in folds]
    assert all(members)
    assert sum(map(len, members)) == n_groups


def test_groups_of_one_size_fill_folds_evenly_in_each_class():
    groups = np.repeat(np.arange(40), 5)
    y = (groups >= 20).astype(int)
    for fold in folds_of(200, y, groups, 5, 0):
        np.testing.assert_array_equal(np.bincount(y[fold]), [20, 20])


def test_folds_are_drawn_by_the_seed():
    first, same, other = (folds_of(50, random_state=seed) for seed in (0, 0, 1))
    assert all(map(np.array_equal, first, same))
    assert not all(map(np.array_equal, first, other))


@pytest.mark.parametrize("groups", [None, [3, 3, 3]])
def test_one_fold_is_refused(groups):
    with pytest.raises(ValueError, match=r"Folds need at least 2 (rows|groups)\. Got 1 instead"):
        folds_of(1 if groups is None else 3, None, groups)


def test_scores_are_those_of_fits_without_the_fold():
    X = rows(80, 6)
    estimator = make_pipeline(PartialWhitener(1.0), KNNOutlierDetector())
    folds = folds_of(80, random_state=0)
    chosen = np.array([0, 3, 17, 40, 79])
    found = cross_fitted(estimator, X, None, folds, score_rows=chosen)
    whole = cross_fitted(estimator, X, None, folds, keep=False)
    np.testing.assert_array_equal(found.rows, chosen)
    np.testing.assert_array_equal(found.scores, whole.scores[chosen])
    assert whole.estimators == []
    for fold, fitted in zip(folds, found.estimators, strict=True):
        by_hand = make_pipeline(PartialWhitener(1.0), KNNOutlierDetector())
        by_hand.fit(np.delete(X, fold, axis=0))
        np.testing.assert_array_equal(by_hand.score_samples(X[fold]), whole.scores[fold])
        np.testing.assert_array_equal(fitted.score_samples(X[fold]), whole.scores[fold])


@pytest.mark.parametrize("make", [lambda: PartialWhitener(1.0), lambda: None], ids=["whiten", ""])
def test_locality_compares_with_lcp_from_fits_without_both_folds(make):
    """Neighbours of a new row do not have it as a neighbour: those of a training row neither."""
    X = rows(80, 6)
    folds = folds_of(80, random_state=0)
    estimator = make_pipeline(make(), LCPOutlierDetector(locality=0.5))
    found = cross_fitted(estimator, X, None, folds)
    for fold, fitted in zip(folds, found.estimators, strict=True):
        expected = np.full(80, np.nan)
        for other in folds:
            whitener = (
                fitted[:-1]
                if other is fold
                else clone(fitted[:-1]).fit(np.delete(X, other, axis=0))
            )
            known = np.setdiff1d(np.arange(80), np.r_[fold, other])
            plain = LCPOutlierDetector().fit(whitener.transform(X[known]))
            expected[other] = -plain.score_samples(whitener.transform(X[other]))
        np.testing.assert_array_equal(found.reference[fold], expected[fold])
        np.testing.assert_array_equal(fitted[-1].training_lcp_, np.delete(expected, fold))
        np.testing.assert_array_equal(fitted.score_samples(X[fold]), found.scores[fold])


def test_scores_with_locality_are_those_of_new_rows():
    """A row is a near neighbour of its neighbours, and lowers their LCP; a new row does not."""
    areas, last = [], LCPOutlierDetector(5, perplexity=4.0, locality=1.0)
    for seed in range(6):
        X, new = np.split(np.random.default_rng(seed).normal(size=(1200, 8)), [200])
        detector = make_outlier_pipeline(last, n_folds=5, random_state=seed).fit(X)
        y = np.r_[np.ones(200), -np.ones(1000)].astype(int)
        areas.append(auroc(y, np.r_[detector.training_scores_, detector.score_samples(new)]))
    assert 0.47 < np.mean(areas) < 0.53  # 0.42 where fits with the row measure its neighbours


def test_a_frozen_detector_stays_as_it_is():
    frozen = LCPOutlierDetector(locality=0.5).fit(rows(60))
    before = frozen.training_lcp_.copy()
    estimator = FrozenEstimator(frozen)
    found = cross_fitted(estimator, rows(40, seed=1), None, folds_of(40, random_state=0))
    np.testing.assert_array_equal(found.scores, frozen.score_samples(rows(40, seed=1)))
    np.testing.assert_array_equal(frozen.training_lcp_, before)
    assert frozen.threshold_samples == 10_000


def test_the_drift_leads_from_the_folds_to_all_rows():
    """Of the same rows, fits on more rows have higher scores: by how much is foreseen."""
    X = np.random.default_rng(0).normal(size=(300, 30))
    new = np.random.default_rng(1).normal(size=(2000, 30))
    folds = folds_of(300, n_folds=5, random_state=0)
    found = cross_fitted(KNNOutlierDetector(), X, None, folds, measure_drift=True)
    smaller = np.mean([fitted.score_samples(new) for fitted in found.estimators], axis=0)
    gain = np.median(KNNOutlierDetector().fit(X).score_samples(new) - smaller)
    assert gain > 0
    assert 0.5 * gain < found.drift < 1.5 * gain
    assert cross_fitted(KNNOutlierDetector(), X, None, folds).drift == 0
