"""Splitters and scorers: the left-out rows, the sign, and scikit-learn's searches with them."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import KNNOutlierDetector, LCPOutlierDetector, MahalanobisOutlierDetector
from skood.metrics import aupr_in, auroc, fpr_at_tpr
from skood.model_selection import LeaveClassesOut, NoveltyKFold, ood_scorer

IRIS, SPECIES = load_iris(return_X_y=True)


def _plus_minus(n=90, n_out=20, seed=0):
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(n, 3)), rng.normal(size=(n_out, 3)) + 4])
    return X, np.r_[np.ones(n, int), -np.ones(n_out, int)]  # sorted on purpose


@pytest.mark.parametrize("n_classes_out", [1, 2])
def test_leave_classes_out_tests_on_all_of_the_classes_left_out(n_classes_out):
    y = np.repeat(list("abcd"), [40, 20, 30, 10])
    X = np.arange(100.0)[:, np.newaxis]
    splitter = LeaveClassesOut(6, n_classes_out=n_classes_out, test_size=0.25, random_state=0)
    parts = list(splitter.split(X, y))
    assert len(parts) == splitter.get_n_splits() == 6
    for train, test in parts:
        assert sorted([*train, *test]) == list(range(100))
        left_out = set(y) - set(y[train])
        assert len(left_out) == n_classes_out
        for name in set(y):
            share = np.isin(np.flatnonzero(y == name), test).mean()
            assert share == pytest.approx(1.0 if name in left_out else 0.25, abs=0.06)


def test_all_classes_are_left_out_in_turn():
    y = np.repeat(np.arange(5), 10)
    for n_out in (1, 2):
        splitter = LeaveClassesOut(5, n_classes_out=n_out, random_state=1)
        left_out = [set(y) - set(y[train]) for train, _ in splitter.split(y[:, np.newaxis], y)]
        counts = np.bincount([code for codes in left_out for code in codes], minlength=5)
        assert counts.max() - counts.min() <= 1, left_out
        assert all(len(codes) == n_out for codes in left_out)


def test_splits_repeat_with_the_seed():
    def draw(seed):
        return [t.tolist() for _, t in LeaveClassesOut(random_state=seed).split(IRIS, SPECIES)]

    assert draw(0) == draw(0) != draw(1)


def test_a_class_of_one_row_stays_in_training():
    y = np.array([0] * 10 + [1] * 10 + [2])
    for train, _ in LeaveClassesOut(2, random_state=0).split(np.zeros((21, 1)), y):
        kept = set(y[train])
        assert len(kept) == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_splits": 0}, "'n_splits' parameter of LeaveClassesOut must be an int in"),
        ({"n_classes_out": 3}, "must leave at least one of the 3 classes to train on. Got 3"),
        ({"test_size": 1.0}, "'test_size' parameter"),
        ({"classes": "guess"}, "'classes' parameter .* 'labels', 'kmeans'"),
        ({"classes": "kmeans", "n_clusters": 1}, "'n_clusters' parameter"),
        ({"test_size": 0.001}, "holds out no row"),
    ],
)
def test_leave_classes_out_refuses(params, message):
    with pytest.raises(ValueError, match=message):
        next(LeaveClassesOut(**params).split(IRIS, SPECIES))


def test_leave_classes_out_needs_labels_or_clusters():
    with pytest.raises(ValueError, match="needs class labels as y"):
        next(LeaveClassesOut().split(IRIS))
    with pytest.raises(ValueError, match="needs rows of numbers"):
        next(LeaveClassesOut(classes="kmeans").split([["a"], ["b"]]))
    with pytest.raises(ValueError, match=r"without NaN and infinity. Got 1 row"):
        next(LeaveClassesOut(classes="kmeans").split([[1.0], [np.nan], [2.0]]))


def test_novelty_folds_train_on_plus_one_only():
    X, y = _plus_minus()
    parts = list(NoveltyKFold(4, random_state=0).split(X, y))
    assert len(parts) == 4
    for train, test in parts:
        assert (y[train] == 1).all()
        assert (y[test] == -1).sum() == 20
        assert not set(train) & set(test)
    tested = np.concatenate([test[y[test] == 1] for _, test in parts])
    assert sorted(tested) == list(range(90))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "needs y"),
        ([0, 1, 1, 0], r"must hold both \+1 .* Got \[0, 1\]"),
        ([1, 1, 1, 1], r"must hold both .* Got \[1\]"),
        ([1, -1, -1, -1], "must be at most 1, the number of rows labelled"),
    ],
)
def test_novelty_folds_refuse(y, message):
    with pytest.raises(ValueError, match=message):
        next(NoveltyKFold(2).split(np.zeros((4, 1)), y))


def test_scorer_equals_the_metric_with_the_right_sign():
    X, y = _plus_minus()
    detector = KNNOutlierDetector().fit(X[:60])
    labels, scores = y[60:], detector.score_samples(X[60:])
    assert ood_scorer("auroc")(detector, X[60:], labels) == auroc(labels, scores) > 0.95
    assert ood_scorer("aupr_in")(detector, X[60:], labels) == aupr_in(labels, scores)
    assert ood_scorer("fpr95")(detector, X[60:], labels) == -fpr_at_tpr(labels, scores)
    # the same rows with classes, of which the detector knows some
    known = KNNOutlierDetector().fit(X[:60], np.repeat(["a"], 60))
    names = np.where(labels == 1, "a", "b")
    assert ood_scorer("auroc")(known, X[60:], names) == auroc(labels, scores)


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (2, -1), (1, -1)])
def test_class_labels_are_never_inverted(codes):
    """The class without training rows is out-of-distribution, for any names of the classes."""
    X, y = _plus_minus()
    named = np.where(y == 1, *codes)
    detector = KNNOutlierDetector().fit(X[:60], named[:60])
    assert ood_scorer("auroc")(detector, X[60:], named[60:]) > 0.95


def test_scorer_refuses_to_guess():
    forest = IsolationForest(random_state=0).fit(IRIS)
    with pytest.raises(ValueError, match="IsolationForest has no 'classes_'"):
        ood_scorer()(forest, IRIS, SPECIES)
    detector = KNNOutlierDetector().fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match="no test row of a class that the detector was not"):
        ood_scorer()(detector, IRIS, SPECIES)
    with pytest.raises(ValueError, match="needs y to know"):
        ood_scorer()(detector, IRIS)
    with pytest.raises(ValueError, match="'metric' parameter of ood_scorer must be one of 'auroc'"):
        ood_scorer("accuracy")
    with pytest.raises(ValueError, match="has made no split by clusters"):
        ood_scorer(cv=LeaveClassesOut(classes="kmeans"))(detector, IRIS)


def test_a_scorer_by_labels_serves_detectors_of_scikit_learn():
    X, y = _plus_minus()
    forest = IsolationForest(random_state=0).fit(X[:60])
    assert ood_scorer()(forest, X[60:], y[60:]) > 0.9


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_by_classes_really_searches(routing, n_jobs):
    pipeline = make_pipeline(StandardScaler(), LCPOutlierDetector())
    grid = {"lcpoutlierdetector__perplexity": [1.1, 5.0, 14.0]}
    scoring = {"auroc": ood_scorer("auroc"), "fpr95": ood_scorer("fpr95")}
    with sklearn.config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            pipeline,
            grid,
            cv=LeaveClassesOut(3, random_state=0),
            scoring=scoring,
            refit="auroc",
            n_jobs=n_jobs,
        ).fit(IRIS, SPECIES)
    means = search.cv_results_["mean_test_auroc"]
    assert np.isfinite(means).all()
    assert len(np.unique(means)) == 3
    assert (search.cv_results_["mean_test_fpr95"] <= 0).all()
    assert search.best_score_ == means.max() > 0.8
    train, test = next(LeaveClassesOut(3, random_state=0).split(IRIS, SPECIES))
    first = pipeline.set_params(lcpoutlierdetector__perplexity=1.1).fit(IRIS[train])
    expected = auroc(
        np.where(np.isin(SPECIES[test], SPECIES[train]), 1, -1), first.score_samples(IRIS[test])
    )
    assert search.cv_results_["split0_test_auroc"][0] == pytest.approx(expected, abs=1e-12)


def test_sorted_labels_give_numbers():
    X, y = _plus_minus()
    results = cross_validate(
        KNNOutlierDetector(),
        X,
        y,
        cv=NoveltyKFold(3, shuffle=False),
        scoring=ood_scorer("aupr_out"),
    )
    assert (results["test_score"] > 0.9).all()


def test_plain_folds_of_classes_fail_aloud():
    with pytest.warns(UserWarning, match="no test row of a class that the detector was not"):
        results = cross_validate(
            KNNOutlierDetector(),
            IRIS,
            SPECIES,
            cv=KFold(3, shuffle=True, random_state=0),
            scoring=ood_scorer(),
        )
    assert np.isnan(results["test_score"]).all()


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("frame", [False, True])
def test_a_search_without_labels(n_jobs, frame):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 4)) * 8
    X = np.concatenate([centre + rng.normal(size=(40, 4)) for centre in centres])
    X = np.concatenate([X, X[:5]])  # equal rows go together
    cv = LeaveClassesOut(3, classes="kmeans", n_clusters=6, random_state=0)
    search = GridSearchCV(
        MahalanobisOutlierDetector(),
        {"covariance": ["empirical", "oas"]},
        cv=cv,
        scoring=ood_scorer("auroc", cv=cv),
        n_jobs=n_jobs,
    ).fit(pd.DataFrame(X, columns=list("abcd")) if frame else X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    again = cross_validate(KNNOutlierDetector(), X, cv=cv, scoring=ood_scorer("auroc", cv=cv))
    assert (again["test_score"] > 0.95).all()


def test_clusters_say_which_rows_were_left_out():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 2, 2)).astype(np.float32)  # images become flat rows
    cv = LeaveClassesOut(4, classes="kmeans", n_clusters=5, random_state=0)
    for train, test in cv.split(X):
        labels = cv.is_in_distribution(X[test])
        clusters = cv.pseudo_classes_.labels
        np.testing.assert_array_equal(
            labels == 1, np.isin(clusters[test], np.unique(clusters[train]))
        )
        assert set(labels) == {1, -1}
    with pytest.raises(ValueError, match="2 of 2 test rows are not among the rows"):
        cv.is_in_distribution(np.full((2, 2, 2), 77.0))


def test_splitters_and_scorers_pickle_and_show_themselves():
    cv = LeaveClassesOut(2, classes="kmeans", random_state=0)
    scorer = pickle.loads(pickle.dumps(ood_scorer("fpr80", cv=cv)))  # noqa: S301
    assert repr(scorer).startswith("ood_scorer('fpr80', cv=LeaveClassesOut(")
    assert repr(NoveltyKFold(3)) == "NoveltyKFold(n_splits=3, random_state=None, shuffle=True)"
