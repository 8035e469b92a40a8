"""An ensemble at the end of an OutlierPipeline shares its folds and its transformers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import skood
from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierEnsemble,
    OutlierPipeline,
    PartialWhitener,
    make_outlier_pipeline,
)


def members():
    return [
        ("near", LCPOutlierDetector()),
        ("white", make_pipeline(PartialWhitener(), LCPOutlierDetector(locality=0.5))),
    ]


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(n, 5))


class Counting(TransformerMixin, BaseEstimator):
    """Leaves rows as they are, and counts fits."""

    fits: list[int] = []  # noqa: RUF012

    def fit(self, X, y=None):  # noqa: ARG002
        Counting.fits.append(len(X))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize("combine", ["max", "p_value"])
def test_equals_an_ensemble_of_whole_pipelines(combine):
    X, new = rows(200), rows(40, seed=1)
    scaled = [
        ("near", make_pipeline(StandardScaler(), LCPOutlierDetector())),
        ("white", Pipeline([("scale", StandardScaler()), *members()[1][1].steps])),
    ]
    apart = OutlierEnsemble(scaled, combine=combine, random_state=0).fit(X)
    ensemble = OutlierEnsemble(members(), combine=combine)
    shared = make_outlier_pipeline(StandardScaler(), ensemble, random_state=0).fit(X)
    np.testing.assert_allclose(shared.score_samples(new), apart.score_samples(new), rtol=1e-12)
    np.testing.assert_allclose(shared.training_scores_, apart.training_scores_, rtol=1e-12)
    assert shared.offset_ == shared[-1].offset_ == pytest.approx(apart.offset_, rel=1e-12)


def test_weights_are_found_behind_the_steps():
    X = rows(200)
    scaled = StandardScaler().fit_transform(X)
    apart = OutlierEnsemble(members(), weights="auto", random_state=0).fit(scaled)
    ensemble = OutlierEnsemble(members(), weights="auto", random_state=0)
    shared = make_outlier_pipeline(StandardScaler(), ensemble, random_state=0).fit(X)
    np.testing.assert_allclose(shared[-1].weights_, apart.weights_, rtol=0.3)


def test_transformers_are_fitted_once_for_each_fold():
    Counting.fits.clear()
    make_outlier_pipeline(Counting(), OutlierEnsemble(members()), n_folds=5).fit(rows(100))
    assert sorted(Counting.fits) == [60, 80, 80, 80, 80, 80, 100]


@pytest.mark.arithmetic
def test_a_transformer_that_learns_leaves_the_promised_share():
    views = [("near", KNNOutlierDetector()), ("wide", MahalanobisOutlierDetector())]
    flagged, areas = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        spectrum = np.arange(1, 65) ** -0.7
        X, new = rng.normal(size=(100, 64)) * spectrum, rng.normal(size=(500, 64)) * spectrum
        ensemble = OutlierEnsemble(views)
        detector = make_outlier_pipeline(PartialWhitener(1.0), ensemble, random_state=0).fit(X)
        flagged.append(np.mean(detector.predict(new) == -1))
        scores = np.r_[detector.training_scores_, detector.score_samples(new)]
        areas.append(roc_auc_score(np.repeat([1, 0], [100, 500]), scores))
    assert 0.03 < np.mean(flagged) < 0.07
    assert 0.47 < np.mean(areas) < 0.53


def test_rows_left_out_are_in_no_fit():
    X = np.vstack([rows(190), rows(10, seed=1) + 40.0])
    detector = make_outlier_pipeline(
        StandardScaler(), OutlierEnsemble(members()), trim=0.1, random_state=0
    ).fit(X)
    assert np.isin(np.arange(190, 200), detector.trimmed_indices_).all()
    kept = np.delete(X, detector.trimmed_indices_, axis=0)
    np.testing.assert_allclose(detector[0].mean_, kept.mean(axis=0))
    near = detector[-1].named_estimators_["near"]
    alone = LCPOutlierDetector().fit(detector[0].transform(kept))
    inputs = detector[0].transform(X[:20])
    np.testing.assert_array_equal(near.score_samples(inputs), alone.score_samples(inputs))
    assert (detector.predict(X[190:]) == -1).all()


def test_frozen_members_and_steps_stay():
    X = rows(150)
    scaler = StandardScaler().fit(X)
    known = LCPOutlierDetector().fit(scaler.transform(rows(100, seed=3)))
    ensemble = OutlierEnsemble([("known", FrozenEstimator(known)), ("near", LCPOutlierDetector())])
    detector = make_outlier_pipeline(FrozenEstimator(scaler), ensemble, random_state=0).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    expected = known.score_samples(scaler.transform(X[:5]))
    found = detector[-1].estimators_[0].score_samples(scaler.transform(X[:5]))
    np.testing.assert_array_equal(found, expected)


def test_labels_groups_saving_and_explanations(tmp_path):
    X = pd.DataFrame(rows(120), columns=list("abcde"))
    y, groups = np.repeat([1, -1], [100, 20]), np.arange(120) % 10
    detector = make_outlier_pipeline(StandardScaler(), OutlierEnsemble(members()), random_state=0)
    detector.fit(X, y, groups=groups)
    alone = clone(detector).fit(X[:100], groups=groups[:100])
    np.testing.assert_array_equal(detector.score_samples(X), alone.score_samples(X))
    skood.save(detector, tmp_path / "d.skood")
    loaded = skood.load(tmp_path / "d.skood")
    np.testing.assert_array_equal(loaded.predict(X), detector.predict(X))
    np.testing.assert_array_equal(loaded.score_samples(X), detector.score_samples(X))
    explanation = detector.explain(X[:4])
    assert list(explanation.feature_names) == list("abcde")
    np.testing.assert_allclose(explanation.values, X[:4].to_numpy())
    np.testing.assert_allclose(explanation.scores, detector.score_samples(X[:4]), rtol=1e-9)


def test_arguments_for_the_fit_of_steps_are_refused():
    detector = OutlierPipeline([("scale", StandardScaler()), ("all", OutlierEnsemble(members()))])
    with pytest.raises(ValueError, match=r"last step is an ensemble. Got scale__sample_weight"):
        detector.fit(rows(50), scale__sample_weight=np.ones(50))


def test_members_of_one_mind_warn_once():
    twice = OutlierEnsemble([("one", LCPOutlierDetector()), ("two", LCPOutlierDetector())])
    with pytest.warns(UserWarning, match="n_neighbors=15") as caught:
        make_outlier_pipeline(StandardScaler(), twice).fit(rows(10))
    assert len(caught) == 1
