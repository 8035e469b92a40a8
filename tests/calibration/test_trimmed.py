"""TrimmedOutlierDetector: which rows it leaves out, its threshold, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from skood import (
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierPipeline,
    TrimmedOutlierDetector,
    explain,
    load,
    make_outlier_pipeline,
    save,
)
from skood.calibration._typicality import robustly_scaled
from skood.metrics import auroc

CENTRE = np.array([5.0, 5.0, 5.0, 0.0])  # of the rows that a detector shall find


def _clean(n, seed):
    return np.random.default_rng(seed).normal(size=(n, 4))


def _odd(n, seed):
    return np.random.default_rng(seed).normal(CENTRE, 0.3, size=(n, 4))


@pytest.fixture(scope="module")
def dirty():
    """3 % of the rows are odd, and scattered among the others; with their positions."""
    order = np.random.default_rng(0).permutation(1000)
    rows = np.vstack([_clean(970, 0), _odd(30, 1)])[order]
    return rows, np.flatnonzero(order >= 970)


def test_planted_rows_are_left_out_and_their_kind_is_found(dirty):
    X, odd = dirty
    detector = TrimmedOutlierDetector(LCPOutlierDetector()).fit(X)
    assert len(detector.trimmed_indices_) == 50
    assert set(odd) <= set(detector.trimmed_indices_)
    labels = np.r_[np.ones(500), -np.ones(200)]
    new = np.vstack([_clean(500, 2), _odd(200, 3)])
    assert auroc(labels, LCPOutlierDetector().fit(X).score_samples(new)) < 0.75
    assert auroc(labels, detector.score_samples(new)) > 0.99
    assert (detector.predict(new[500:]) == -1).mean() > 0.95


def test_the_detector_is_the_one_fitted_by_hand_to_the_rows_kept(dirty):
    X, _ = dirty
    detector = TrimmedOutlierDetector(KNNOutlierDetector(), trim=0.1).fit(X)
    kept = np.delete(X, detector.trimmed_indices_, axis=0)
    by_hand = KNNOutlierDetector().fit(kept)
    np.testing.assert_array_equal(detector.score_samples(X), by_hand.score_samples(X))
    assert detector.detector_.offset_ == by_hand.offset_
    is_kept = ~np.isin(detector.training_indices_, detector.trimmed_indices_)
    np.testing.assert_array_equal(detector.training_scores_[is_kept], by_hand.training_scores_)
    np.testing.assert_array_equal(
        detector.training_scores_[~is_kept], by_hand.score_samples(X[detector.trimmed_indices_])
    )
    np.testing.assert_array_equal(detector.training_indices_, np.arange(1000))


@pytest.mark.parametrize(
    "inner",
    [
        LCPOutlierDetector(),
        MahalanobisOutlierDetector(),
        make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0),
    ],
    ids=["LCP", "MD", "pipeline"],
)
def test_clean_rows_lose_no_more_than_the_share_that_is_promised(inner):
    shares = []
    for seed in range(5):
        detector = TrimmedOutlierDetector(inner).fit(_clean(600, seed))
        shares.append((detector.predict(_clean(2000, 50 + seed)) == -1).mean())
        # the threshold of the rows kept alone would be too strict
        assert detector.detector_.offset_ > detector.offset_
    assert 0.03 < np.mean(shares) < 0.07


def test_rows_that_set_the_threshold_keep_their_shares_in_a_sample():
    X = _clean(3000, 0)
    some = TrimmedOutlierDetector(KNNOutlierDetector(threshold_samples=400, random_state=0)).fit(X)
    whole = TrimmedOutlierDetector(KNNOutlierDetector(threshold_samples=None)).fit(X)
    left_out = np.isin(some.training_indices_, some.trimmed_indices_)
    assert left_out.sum() == 21  # 400 of 2,850 rows kept, and so 21 of 150
    assert (np.diff(some.training_indices_) > 0).all()
    assert some.offset_ == pytest.approx(whole.offset_, rel=0.05)


def test_the_threshold_of_a_pipeline_is_out_of_fold():
    X = np.random.default_rng(0).normal(size=(300, 40))
    pipeline = make_outlier_pipeline(StandardScaler(), MahalanobisOutlierDetector(), random_state=0)
    detector = TrimmedOutlierDetector(pipeline).fit(X)
    assert isinstance(detector.detector_, OutlierPipeline)
    kept = np.setdiff1d(np.arange(300), detector.trimmed_indices_)
    is_kept = np.isin(detector.training_indices_, kept)
    np.testing.assert_array_equal(
        detector.training_scores_[is_kept], detector.detector_.training_scores_
    )
    assert detector.training_scores_.mean() < detector.score_samples(X).mean()


def test_contamination_is_the_detectors_unless_given():
    X = _clean(400, 0)
    inner = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(contamination=0.2))
    for detector in (
        TrimmedOutlierDetector(inner),
        TrimmedOutlierDetector(inner, contamination=0.2),
    ):
        detector.fit(X)
        assert (detector.training_scores_ < detector.offset_).mean() == pytest.approx(0.2, abs=0.01)


def test_trim_0_is_the_detector_alone():
    X = _clean(200, 0)
    detector = TrimmedOutlierDetector(KNNOutlierDetector(), trim=0).fit(X)
    assert len(detector.trimmed_indices_) == 0
    assert detector.offset_ == KNNOutlierDetector().fit(X).offset_


def test_of_equally_typical_rows_all_or_none_are_left_out():
    X = np.vstack([_clean(95, 0), np.tile(2 * CENTRE, (10, 1))])
    few = TrimmedOutlierDetector(KNNOutlierDetector(), trim=0.05, n_neighbors=20).fit(X)
    assert len(few.trimmed_indices_) == 0
    enough = TrimmedOutlierDetector(KNNOutlierDetector(), trim=0.1, n_neighbors=20).fit(X)
    assert enough.trimmed_indices_.tolist() == list(range(95, 105))


def test_the_order_of_the_rows_does_not_matter(dirty):
    X, _ = dirty
    order = np.random.default_rng(5).permutation(len(X))
    here = TrimmedOutlierDetector(KNNOutlierDetector()).fit(X)
    there = TrimmedOutlierDetector(KNNOutlierDetector()).fit(X[order])
    assert set(order[there.trimmed_indices_]) == set(here.trimmed_indices_)


def test_each_class_loses_its_share():
    X = np.vstack([_clean(300, 0), _clean(25, 1) * 5 + 20])  # the small class is far and wide
    y = np.repeat(["big", "small"], [300, 25])
    plain = TrimmedOutlierDetector(MahalanobisOutlierDetector()).fit(X)
    assert (plain.trimmed_indices_ >= 300).all()
    detector = TrimmedOutlierDetector(MahalanobisOutlierDetector()).fit(X, y)
    assert np.bincount(detector.trimmed_indices_ >= 300).tolist() == [15, 1]
    assert detector.classes_.tolist() == detector.detector_.classes_.tolist() == ["big", "small"]


def test_rows_labelled_as_out_of_distribution_do_not_train(dirty):
    X, odd = dirty
    y = np.ones(1000, dtype=int)
    y[odd] = -1
    detector = TrimmedOutlierDetector(KNNOutlierDetector()).fit(X, y)
    inside = np.flatnonzero(y == 1)
    by_hand = TrimmedOutlierDetector(KNNOutlierDetector()).fit(X[inside])
    np.testing.assert_array_equal(detector.trimmed_indices_, inside[by_hand.trimmed_indices_])
    np.testing.assert_array_equal(detector.score_samples(X), by_hand.score_samples(X))


def test_a_detector_that_learns_from_labels_gets_all_rows_labelled_minus_1(dirty):
    X, odd = dirty
    y = np.ones(1000, dtype=int)
    y[odd] = -1
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=[2, 2], combine="logistic")
    detector = TrimmedOutlierDetector(ensemble).fit(X, y)
    assert not np.isin(detector.trimmed_indices_, odd).any()
    assert len(detector.trimmed_indices_) == 48
    assert not np.isin(detector.training_indices_, odd).any()
    assert (detector.predict(_odd(100, 3)) == -1).mean() > 0.9


def test_a_detector_of_scikit_learn(dirty):
    X, odd = dirty
    forest = IsolationForest(random_state=0)
    with pytest.raises(
        ValueError, match=r"'contamination' parameter .* since the detector has none"
    ):
        TrimmedOutlierDetector(forest).fit(X)
    detector = TrimmedOutlierDetector(forest, contamination=0.05).fit(X)
    assert set(odd) <= set(detector.trimmed_indices_)
    assert (detector.predict(X) == -1).sum() == 50


def test_a_value_that_rules_its_column_does_not_rule_the_measure():
    X = _clean(300, 0) * 3 + 20
    X[7, 2] = 1e12
    X[8] += 30.0  # odd in its other columns
    detector = TrimmedOutlierDetector(KNNOutlierDetector(), trim=0.01).fit(X)
    assert {7, 8} <= set(detector.trimmed_indices_)


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
def test_scaled_columns_are_finite_and_of_any_unit(unit):
    X = _clean(200, 0)
    X[:, 1] = np.arange(200) < 10  # its middle half has width 0
    X[:, 2] = np.arange(200) < 1
    X[:, 3] = 7.0
    scaled = robustly_scaled(X * unit)
    np.testing.assert_allclose(scaled, robustly_scaled(X), rtol=1e-9, atol=1e-9)
    assert np.isfinite(scaled).all()
    assert scaled[:, 0].std() == pytest.approx(0.8, abs=0.15)  # of arcsinh of a normal
    assert scaled[0, 2] > scaled[0, 1] > 0.5
    assert (scaled[:, 3] == 0).all()
    assert np.isfinite(robustly_scaled(np.array([[-1.7e308], [1.7e308], [0.0]]))).all()


def test_explanations_names_and_files(dirty, tmp_path):
    X, _ = dirty
    frame = pd.DataFrame(X, columns=list("abcd"))
    detector = TrimmedOutlierDetector(make_outlier_pipeline(StandardScaler(), LCPOutlierDetector()))
    detector.fit(frame)
    assert detector.feature_names_in_.tolist() == list("abcd")
    explanation = explain(detector, frame[:5])
    assert list(explanation.feature_names) == list("abcd")
    np.testing.assert_array_equal(explanation.scores, detector.score_samples(frame[:5]))
    save(detector, tmp_path / "trimmed.skood")
    loaded = load(tmp_path / "trimmed.skood")
    np.testing.assert_array_equal(loaded.predict(frame), detector.predict(frame))
    np.testing.assert_array_equal(loaded.trimmed_indices_, detector.trimmed_indices_)


def test_there_is_no_partial_fit():
    assert not hasattr(TrimmedOutlierDetector(KNNOutlierDetector()), "partial_fit")


@pytest.mark.parametrize("trim", [-0.1, 0.51, 1, np.nan, "auto", None, True])
def test_trim_out_of_range(trim):
    message = rf"'trim' parameter of \w+ must be a float in \[0, 0.5\]. Got {trim!r} instead"
    with pytest.raises(ValueError, match=message):
        TrimmedOutlierDetector(KNNOutlierDetector(), trim=trim).fit(_clean(60, 0))


@pytest.mark.parametrize("value", [0, 2.5, "all", True])
def test_n_neighbors_out_of_range(value):
    with pytest.raises(ValueError, match=r"'n_neighbors' parameter of TrimmedOutlierDetector"):
        TrimmedOutlierDetector(KNNOutlierDetector(), n_neighbors=value).fit(_clean(60, 0))


def test_rows_are_compared_with_a_tenth_of_at_most_2000():
    X = np.vstack([_clean(2880, 0), _odd(120, 1)])
    detector = TrimmedOutlierDetector(KNNOutlierDetector()).fit(X)
    assert detector.n_neighbors_ == 200
    assert np.isin(np.arange(2880, 3000), detector.trimmed_indices_).all()
    few = TrimmedOutlierDetector(KNNOutlierDetector()).fit(X[-300:])
    by_number = TrimmedOutlierDetector(KNNOutlierDetector(), n_neighbors=30).fit(X[-300:])
    np.testing.assert_array_equal(few.trimmed_indices_, by_number.trimmed_indices_)


def test_fewer_rows_than_neighbours_are_said():
    detector = TrimmedOutlierDetector(KNNOutlierDetector(n_neighbors=3), n_neighbors=50)
    message = re.escape("n_neighbors=50 of TrimmedOutlierDetector is more than the 39 other")
    with pytest.warns(UserWarning, match=message):
        detector.fit(_clean(40, 0))
    assert detector.n_neighbors_ == 39
    assert len(detector.trimmed_indices_) == 2


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (KNNOutlierDetector, "an estimator with `fit` and `score_samples`"),
        (StandardScaler(), "an estimator with `fit` and `score_samples`"),
        (FrozenEstimator(KNNOutlierDetector().fit(np.eye(20))), "`fit` can fit without some rows"),
    ],
)
def test_detectors_that_cannot_be_trimmed(inner, message):
    with pytest.raises(ValueError, match=message):
        TrimmedOutlierDetector(inner).fit(_clean(60, 0))
