"""Several detectors, one score: honest thresholds, every combination, explanations, searches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

import skood
from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierEnsemble,
    OutlierPipeline,
    PartialWhitener,
    TableScaler,
    make_outlier_pipeline,
)
from skood.model_selection import NoveltyKFold

STRANGE = np.array([0.0, 40.0, 0.0, 0.0])
COMBINE = ["max", "sum", "softmax", "p_value"]


def views():
    return [
        ("plain", make_outlier_pipeline(TableScaler(), LCPOutlierDetector())),
        ("white", make_outlier_pipeline(TableScaler(), PartialWhitener(), LCPOutlierDetector())),
    ]


def correlated(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, 3))
    return np.column_stack([X, rng.standard_t(2, size=n)]) * [1.0, 10.0, 100.0, 1.0]


@pytest.mark.parametrize("combine", COMBINE)
def test_the_score_is_that_of_the_definition(combine):
    X, Q = correlated(200), correlated(30, seed=1) * 1.5
    weights = [0.5, 2.0]
    how = {"combine": combine, "weights": weights, "random_state": 0}
    ensemble = OutlierEnsemble(views(), **how).fit(X)
    z, w = ensemble.member_scores(Q), np.array(weights)
    if combine == "p_value":
        p = np.empty_like(z)
        for j, member in enumerate(ensemble.estimators_):
            known = member[-1].training_scores_
            for i, score in enumerate(member.score_samples(Q)):
                p[i, j] = min(1 + (known <= score).sum(), len(known) + 0.5) / (len(known) + 1)
        cauchy = (np.tan((0.5 - p) * np.pi) * w).sum(axis=1) / w.sum()
        expected = np.log(0.5 - np.arctan(cauchy) / np.pi)
    else:
        expected = {
            "max": (z * w).min(axis=1),
            "sum": (z * w).sum(axis=1),
            "softmax": -logsumexp(-z, b=w, axis=1),
        }[combine]
    np.testing.assert_allclose(ensemble.score_samples(Q), expected, rtol=1e-6)


@pytest.mark.arithmetic
@pytest.mark.parametrize("combine", COMBINE)
def test_of_few_rows_and_many_columns_the_promised_share_is_flagged(combine):
    members = [
        ("near", make_outlier_pipeline(PartialWhitener(1.0), KNNOutlierDetector())),
        ("scaled", make_pipeline(StandardScaler(), MahalanobisOutlierDetector())),
    ]
    flagged, auroc = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        spectrum = np.arange(1, 65) ** -0.7
        X, new = rng.normal(size=(100, 64)) * spectrum, rng.normal(size=(500, 64)) * spectrum
        ensemble = OutlierEnsemble(members, combine=combine, random_state=0).fit(X)
        flagged.append(np.mean(ensemble.predict(new) == -1))
        scores = np.r_[ensemble.training_scores_, ensemble.score_samples(new)]
        auroc.append(roc_auc_score(np.repeat([1, 0], [100, 500]), scores))
    assert 0.03 < np.mean(flagged) < 0.07
    assert 0.47 < np.mean(auroc) < 0.53


def test_it_finds_what_each_view_finds():
    X = correlated(400)
    rng = np.random.default_rng(2)
    off_line = correlated(60, seed=3) + rng.choice([-8.0, 8.0], size=(60, 1)) * [0, 1, 0, 0]
    beyond = correlated(60, seed=4) + np.array([6.0, 60.0, 600.0, 0.0])
    ensemble = OutlierEnsemble(views(), random_state=0).fit(X)
    for odd in (off_line, beyond):
        assert (ensemble.predict(odd) == -1).mean() > 0.9


@pytest.mark.parametrize("combine", COMBINE)
def test_shares_of_columns_and_members_add_up_to_the_score(combine):
    X = pd.DataFrame(correlated(200), columns=list("abcd"))
    new = pd.DataFrame(correlated(20, seed=1) + STRANGE, columns=list("abcd"))
    ensemble = OutlierEnsemble(views(), combine=combine, random_state=0).fit(X)
    explanation = skood.explain(ensemble, new)
    assert list(explanation.feature_names) == list("abcd")
    np.testing.assert_allclose(explanation.scores, ensemble.score_samples(new))
    np.testing.assert_allclose(
        explanation.scores, explanation.base - explanation.shares.sum(axis=1)
    )
    members = explanation.by_group()
    assert list(members.feature_names) == ["plain", "white"]
    np.testing.assert_allclose(members.shares.sum(axis=1), -explanation.scores)
    if combine == "max":
        decides = ensemble.member_scores(new).argmin(axis=1)
        assert (members.shares[np.arange(20), 1 - decides] == 0).all()
    assert (explanation.shares.argmax(axis=1) == 1).mean() > 0.8
    assert explanation.layers["plain"].neighbors.indices.shape[0] == 20
    assert "b = " in repr(explanation)


def test_members_without_common_columns_stand_as_the_features():
    members = [
        ("all", LCPOutlierDetector()),
        ("products", make_pipeline(PolynomialFeatures(), LCPOutlierDetector())),
    ]
    explanation = (
        OutlierEnsemble(members, random_state=0).fit(correlated(100)).explain(np.ones((2, 4)))
    )
    assert list(explanation.feature_names) == ["all", "products"]
    np.testing.assert_allclose(explanation.scores, -explanation.shares.sum(axis=1))


def test_a_member_that_cannot_be_explained_leaves_no_explain():
    members = [("forest", IsolationForest(random_state=0)), *views()]
    ensemble = OutlierEnsemble(members, random_state=0).fit(correlated(100))
    assert not hasattr(ensemble, "explain")
    assert ensemble.predict(correlated(5, seed=1)).shape == (5,)


def test_frames_of_text_and_dates_go_to_each_member():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=120), "kind": rng.choice(["a", "b"], 120)})
    ensemble = OutlierEnsemble(views(), random_state=0).fit(frame)
    new = pd.DataFrame({"size": [0.0, 9.0], "kind": ["a", "b"]})
    np.testing.assert_array_equal(ensemble.predict(new), [1, -1])
    assert list(ensemble.feature_names_in_) == ["size", "kind"]


def test_a_search_reaches_members_and_learns_from_known_rows_alone():
    X = np.vstack([correlated(150), correlated(30, seed=5) + STRANGE])
    y = np.repeat([1, -1], [150, 30])
    search = GridSearchCV(
        OutlierEnsemble(views(), random_state=0, n_folds=3),
        {"white__lcpoutlierdetector__n_neighbors": [5, 20], "combine": ["max", "sum"]},
        cv=NoveltyKFold(2),
        scoring="roc_auc",
    ).fit(X, y)
    by_hand = clone(search.best_estimator_).fit(X[:150])
    np.testing.assert_array_equal(search.score_samples(X), by_hand.score_samples(X))
    assert search.best_score_ > 0.9


def test_rows_labelled_minus_one_are_left_out_and_groups_stay_together():
    X, y = correlated(90), np.where(np.arange(90) % 9 == 0, -1, 1)
    groups = np.arange(90) // 3
    ensemble = OutlierEnsemble(views(), random_state=0).fit(X, y, groups=groups)
    np.testing.assert_array_equal(ensemble.training_indices_, np.flatnonzero(y == 1))
    inside = y == 1
    alone = OutlierEnsemble(views(), random_state=0).fit(X[inside], groups=groups[inside])
    np.testing.assert_array_equal(ensemble.score_samples(X), alone.score_samples(X))
    assert ensemble.offset_ == alone.offset_


def test_members_keep_locality_from_the_folds():
    members = [("local", LCPOutlierDetector(locality=0.5)), ("near", KNNOutlierDetector())]
    X, new = correlated(150), correlated(400, seed=1)
    ensemble = OutlierEnsemble(members, random_state=0).fit(X)
    pipeline = OutlierPipeline(members[:1], random_state=0).fit(X)
    np.testing.assert_allclose(
        ensemble.named_estimators_["local"].score_samples(new), pipeline.score_samples(new)
    )
    assert 0.02 < np.mean(ensemble.predict(new) == -1) < 0.09


def test_conformal_p_values_of_an_ensemble():
    detector = ConformalOutlierDetector(
        OutlierEnsemble(views(), random_state=0, n_folds=2), method="cv+", n_folds=3, random_state=0
    ).fit(correlated(120))
    assert np.mean(detector.p_values(correlated(300, seed=1)) <= 0.1) < 0.17


def test_a_saved_ensemble_scores_the_same(tmp_path):
    ensemble = OutlierEnsemble(views(), random_state=0).fit(correlated(100))
    skood.save(ensemble, tmp_path / "e.skood")
    again = skood.load(tmp_path / "e.skood")
    Q = correlated(20, seed=1)
    np.testing.assert_array_equal(again.score_samples(Q), ensemble.score_samples(Q))
    np.testing.assert_array_equal(again.member_scores(Q), ensemble.member_scores(Q))
    assert again.named_estimators_["white"][-1].offset_ == ensemble.estimators_[1][-1].offset_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimators": []}, "a list of .name, estimator. tuples"),
        ({"estimators": KNNOutlierDetector()}, "a list of .name, estimator. tuples"),
        ({"estimators": [KNNOutlierDetector()]}, "a list of .name, estimator. tuples"),
        ({"estimators": [("scale", StandardScaler())]}, "`score_samples` for 'scale'"),
        ({"estimators": [("knn", KNNOutlierDetector)]}, "`score_samples` for 'knn'"),
        (
            {"estimators": [("a", KNNOutlierDetector()), ("a", KNNOutlierDetector())]},
            "unique names",
        ),
        ({"estimators": [(3, KNNOutlierDetector())]}, "unique names"),
        ({"estimators": [("combine", KNNOutlierDetector())]}, "no parameters of the ensemble"),
        ({"estimators": [("a__b", KNNOutlierDetector())]}, "names without '__'"),
        ({"combine": "mean"}, "one of 'max', 'sum', 'softmax', 'p_value'"),
        ({"weights": [1.0]}, "2 positive numbers, one for each"),
        ({"weights": [1.0, 0.0]}, "2 positive numbers, one for each"),
        ({"weights": 2.0}, "2 positive numbers, one for each"),
        ({"weights": [1.0, float("nan")]}, "2 positive numbers, one for each"),
        ({"weights": "all"}, "'weights' parameter"),
        ({"n_folds": 1}, "n_folds"),
        ({"contamination": 0.0}, "contamination"),
    ],
)
def test_bad_parameters_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        OutlierEnsemble(**{"estimators": views(), **change}).fit(correlated(50))


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_member_on_noise_gets_hardly_any_weight(as_frame):
    rng = np.random.default_rng(0)
    X = np.hstack([correlated(300)[:, :3], rng.normal(size=(300, 3))])
    X = pd.DataFrame(X, columns=list("abcdef")) if as_frame else X
    members = [
        (name, make_outlier_pipeline(keep, StandardScaler(), KNNOutlierDetector()))
        for name, keep in (
            ("related", ColumnTransformer([("kept", "passthrough", slice(0, 3))])),
            ("noise", ColumnTransformer([("kept", "passthrough", slice(3, 6))])),
        )
    ]
    ensemble = OutlierEnsemble(members, combine="sum", weights="auto", random_state=0).fit(X)
    assert ensemble.weights_[1] < 0.15 < 0.3 < ensemble.weights_[0]
    np.testing.assert_array_equal(ensemble.weights_, clone(ensemble).fit(X).weights_)
    np.testing.assert_allclose(
        ensemble.score_samples(X), ensemble.member_scores(X) @ ensemble.weights_, rtol=1e-9
    )


def test_rows_without_cells_have_no_weights_of_their_own():
    images = np.random.default_rng(0).normal(size=(60, 2, 2))
    flat = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    members = [("knn", make_outlier_pipeline(flat, KNNOutlierDetector()))]
    with pytest.raises(ValueError, match="array of two dimensions or in a data frame"):
        OutlierEnsemble(members, weights="auto").fit(images)


def test_scores_that_are_not_finite_name_the_member():
    class Broken(KNNOutlierDetector):
        def score_samples(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match="by 'broken' must be finite"):
        OutlierEnsemble([*views(), ("broken", Broken())]).fit(correlated(50))
