"""A Pipeline whose threshold comes from rows that no step of it has seen."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierPipeline,
    PartialWhitener,
    explain,
    load,
    make_outlier_pipeline,
    open_rows,
    save,
)
from skood.metrics import auroc

from ..detectors import rows

# What these checks ask for cannot hold: scikit-learn's Pipeline fits its steps in place, and
# a threshold from out-of-fold scores does not flag an exact number of the training rows.
NOT_FOR_THIS = {
    "check_estimators_overwrite_params": "a Pipeline fits its steps in place",
    "check_dont_overwrite_parameters": "a Pipeline fits its steps in place",
    "check_dont_overwrite_attributes": "a Pipeline fits its steps in place",
    "check_outliers_fit_predict": "the threshold comes from out-of-fold scores",
    "check_outliers_train": "the threshold comes from out-of-fold scores",
}


class Spy(TransformerMixin, BaseEstimator):
    """Records the first column of the rows that each fit and each transform has seen."""

    seen: list = []  # noqa: RUF012  # shared by all clones

    def fit(self, X, y=None):  # noqa: ARG002
        self.n_features_in_ = X.shape[1]
        self.fitted_ = set(X[:, 0])
        return self

    def transform(self, X):
        Spy.seen.append((frozenset(self.fitted_), frozenset(X[:, 0])))
        return X


def correlated(n, d=768, seed=0):
    """Rows of columns with a spectrum that falls as those of embeddings do."""
    spectrum = np.arange(1, d + 1) ** -0.35
    rotation = np.linalg.qr(np.random.default_rng(9).normal(size=(d, d)))[0]
    return np.random.default_rng(seed).normal(size=(n, d)) * spectrum @ rotation


def test_check_estimator():
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(3), random_state=0)
    results = check_estimator(
        detector, expected_failed_checks=NOT_FOR_THIS, on_skip=None, on_fail="raise"
    )
    assert {r["check_name"] for r in results if r["status"] == "xfail"} <= set(NOT_FOR_THIS)
    assert {r["status"] for r in results} <= {"passed", "skipped", "xfail"}
    assert sum(r["status"] == "passed" for r in results) > 35


def test_no_step_has_seen_a_row_that_sets_the_threshold():
    Spy.seen.clear()
    X = rows(100)
    detector = make_outlier_pipeline(Spy(), KNNOutlierDetector(5), random_state=0).fit(X)
    scored = [(known, asked) for known, asked in Spy.seen if not known & asked]
    assert {value for _, asked in scored[:-2] for value in asked} == set(X[:, 0])
    assert all(known == asked for known, asked in Spy.seen if known & asked)
    # ten folds, then the drift by the rows of two folds
    assert [len(known) for known, _ in scored] == [90] * 10 + [80] * 2
    np.testing.assert_array_equal(detector.training_indices_, np.arange(100))


@pytest.mark.parametrize(
    ("n", "options", "n_folds"), [(499, {}, 10), (2000, {}, 5), (90, {"n_folds": 3}, 3)]
)
def test_number_of_folds(n, options, n_folds):
    Spy.seen.clear()
    X = rows(n)
    make_outlier_pipeline(Spy(), KNNOutlierDetector(5), random_state=0, **options).fit(X)
    sizes = {len(asked) for known, asked in Spy.seen if not known & asked}
    assert sizes == {n // n_folds, -(-n // n_folds)}


def test_groups_stay_together():
    """Copies of a row hide in other folds, unless they are one group."""
    X = np.repeat(rows(40, 6), 3, axis=0) + 1e-6 * rows(120, 6, seed=1)
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(1), random_state=0)
    apart = detector.fit(X).training_scores_
    together = clone(detector).fit(X, groups=np.repeat(np.arange(40), 3)).training_scores_
    assert np.median(apart) > -1e-4
    assert together.max() < -1e-2


def test_labels_stratify():
    Spy.seen.clear()
    y = np.repeat(["a", "b", "c"], [50, 45, 5])
    X = np.column_stack([np.arange(100.0), rows(100, 3)])
    detector = make_outlier_pipeline(Spy(), MahalanobisOutlierDetector(), n_folds=5, random_state=0)
    detector.fit(X, y)
    np.testing.assert_array_equal(detector.classes_, ["a", "b", "c"])
    for known, asked in Spy.seen:
        if not known & asked and len(asked) == 20:
            labels = y[np.array(sorted(asked)).astype(int)]
            assert [(labels == label).sum() for label in "abc"] == [10, 9, 1]


@pytest.mark.arithmetic
@pytest.mark.parametrize(
    "make",
    [
        lambda: make_outlier_pipeline(
            PartialWhitener(0.5, length_power=0.75), LCPOutlierDetector(locality=0.5), n_folds=5
        ),
        lambda: make_outlier_pipeline(PartialWhitener(1.0), KNNOutlierDetector()),
    ],
    ids=["embedding", "whitened"],
)
def test_share_of_new_rows_that_are_flagged(make):
    flagged, auroc_of_training = [], []
    for seed in range(10):
        both = correlated(300, 256, seed)
        X, new = both[:100], both[100:]
        detector = make().set_params(random_state=seed).fit(X)
        scores = detector.score_samples(new)
        flagged.append((scores < detector.offset_).mean())
        labels = np.r_[np.ones(100), -np.ones(200)]
        auroc_of_training.append(auroc(labels, np.r_[detector.training_scores_, scores]))
    assert 0.03 < np.mean(flagged) < 0.07
    assert 0.45 < np.mean(auroc_of_training) < 0.55


def test_a_plain_pipeline_flags_nearly_all_new_rows():
    both = correlated(300, 256)
    plain = make_pipeline(PartialWhitener(1.0), KNNOutlierDetector()).fit(both[:100])
    assert (plain.predict(both[100:]) == -1).mean() > 0.9


def test_scores_are_those_of_the_plain_pipeline():
    X, Q = rows(90), rows(15, seed=1)
    detector = make_outlier_pipeline(StandardScaler(), LCPOutlierDetector(), random_state=0).fit(X)
    plain = make_pipeline(StandardScaler(), LCPOutlierDetector()).fit(X)
    np.testing.assert_array_equal(detector.score_samples(Q), plain.score_samples(Q))
    scores = detector.score_samples(Q)
    np.testing.assert_array_equal(detector.decision_function(Q), scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(Q), np.where(scores >= detector.offset_, 1, -1))
    assert detector.offset_ == np.quantile(detector.training_scores_, 0.05, method="weibull")
    inner = detector[:-1].transform(Q)
    np.testing.assert_array_equal(detector[-1].predict(inner), detector.predict(Q))
    assert detector[-1].get_params() == LCPOutlierDetector().get_params()


def test_contamination_is_the_last_steps_unless_given():
    X = rows(90)
    makes = [{}, {"contamination": 0.2}]
    low, high = (
        make_outlier_pipeline(
            StandardScaler(), KNNOutlierDetector(contamination=0.1), random_state=0, **options
        ).fit(X)
        for options in makes
    )
    assert low.offset_ == np.quantile(low.training_scores_, 0.1, method="weibull")
    assert high.offset_ == np.quantile(high.training_scores_, 0.2, method="weibull")
    forest = make_outlier_pipeline(PCA(2), IsolationForest(random_state=0), random_state=0)
    with pytest.raises(ValueError, match=r"'contamination' .* since the last step has none"):
        forest.fit(X)
    forest.set_params(contamination=0.05).fit(X)
    assert forest.offset_ == np.quantile(forest.training_scores_, 0.05, method="weibull")
    assert (forest.predict(X[:5] + 50) == -1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_folds": 1}, r"'n_folds' parameter of OutlierPipeline must be an int in \[2, inf\)"),
        ({"threshold_samples": 1}, r"'threshold_samples' parameter .* or None. Got 1"),
        ({"contamination": 0.6}, r"'contamination' parameter .* \(0, 0.5\]. Got 0.6"),
        ({"random_state": -1}, r"'random_state' parameter of OutlierPipeline .* Got -1"),
        ({"random_state": np.random.default_rng(0)}, r"'random_state' parameter .* Got Generator"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        make_outlier_pipeline(KNNOutlierDetector(3), **options).fit(rows())


@pytest.mark.parametrize("last", ["passthrough", StandardScaler(), KNNOutlierDetector])
def test_a_last_step_that_is_no_detector(last):
    for trim in (0.0, 0.1):
        with pytest.raises(ValueError, match=r"'steps' parameter .* the last with `score_samples`"):
            OutlierPipeline([("scale", StandardScaler()), ("detect", last)], trim=trim).fit(rows())


def test_two_rows_are_too_few():
    with pytest.raises(ValueError, match=r"2 sample\(s\) while a minimum of 3 .* OutlierPipeline"):
        make_outlier_pipeline(KNNOutlierDetector(1)).fit(rows(2))
    make_outlier_pipeline(KNNOutlierDetector(1), random_state=0).fit(rows(3))


def test_a_slice_is_a_plain_pipeline():
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0)
    detector.fit(rows())
    assert type(detector[:-1]) is Pipeline
    assert detector["standardscaler"] is detector.named_steps.standardscaler is detector[0]
    assert detector[:1].transform(rows(2)).shape == (2, 4)


def test_rows_of_minus_one_are_not_training_rows():
    X, Q = rows(80), rows(9, seed=1)
    y = np.r_[np.ones(60), -np.ones(20)].astype(int)
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0)
    by_hand = clone(detector).fit(X[:60])
    detector.fit(X, y)
    np.testing.assert_array_equal(detector.score_samples(Q), by_hand.score_samples(Q))
    assert detector.offset_ == by_hand.offset_
    assert detector.training_indices_.max() < 60


def test_grid_search_over_double_underscores():
    inner, outer = rows(120), np.random.default_rng(0).normal(size=(40, 4)) * 2
    X, y = np.vstack([inner, outer]), np.r_[np.ones(120), -np.ones(40)].astype(int)
    detector = OutlierPipeline(
        [("scale", StandardScaler()), ("detect", KNNOutlierDetector())], random_state=0
    )
    search = GridSearchCV(
        detector,
        {"detect__n_neighbors": [1, 8], "n_folds": [3, 5]},
        scoring=lambda estimator, X, y: auroc(y, estimator.score_samples(X)),
        cv=PredefinedSplit(np.r_[np.full(80, -1), np.zeros(80)]),
    ).fit(X, y)
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 2
    best = search.best_estimator_
    by_hand = clone(detector).set_params(**search.best_params_).fit(X[:120])
    np.testing.assert_array_equal(best.score_samples(X), by_hand.score_samples(X))
    assert best.offset_ == by_hand.offset_


@pytest.mark.parametrize("locality", [0.0, 0.5])
def test_pickle_and_save(locality, tmp_path):
    X, Q = rows(), rows(9, seed=1)
    last = LCPOutlierDetector(locality=locality)
    detector = make_outlier_pipeline(StandardScaler(), last, random_state=0).fit(X)
    save(detector, tmp_path / "detector.skood")
    copies = (
        pickle.loads(pickle.dumps(detector)),  # noqa: S301
        load(tmp_path / "detector.skood"),
    )
    for copied in copies:
        assert type(copied) is OutlierPipeline
        assert copied.offset_ == detector.offset_
        np.testing.assert_array_equal(copied.score_samples(Q), detector.score_samples(Q))
        np.testing.assert_array_equal(copied.predict(Q), detector.predict(Q))


def test_frames_lists_and_explanations():
    X = pd.DataFrame(rows(), columns=list("abcd"))
    detector = make_outlier_pipeline(RobustScaler(), KNNOutlierDetector(), random_state=0).fit(X)
    np.testing.assert_array_equal(detector.feature_names_in_, list("abcd"))
    explanation = detector.explain(X[:3])
    np.testing.assert_array_equal(explanation.shares, explain(detector, X[:3]).shares)
    np.testing.assert_allclose(explanation.scores, detector.score_samples(X[:3]))
    lists = clone(detector).fit(X.to_numpy().tolist())
    assert lists.offset_ == detector.offset_
    assert not hasattr(make_outlier_pipeline(IsolationForest()), "explain")


@pytest.mark.parametrize("kind", ["npy", "memmap"])
def test_rows_on_disk_stay_there(kind, tmp_path):
    X = rows(300, 6)
    np.save(tmp_path / "rows.npy", X)
    path = tmp_path / "rows.npy"
    stored = open_rows(path) if kind == "npy" else np.load(path, mmap_mode="r")
    detector = make_outlier_pipeline(PartialWhitener(), KNNOutlierDetector(), random_state=0)
    by_hand = clone(detector).fit(X)
    detector.fit(stored)
    np.testing.assert_allclose(detector.training_scores_, by_hand.training_scores_, rtol=1e-9)
    last = LCPOutlierDetector(locality=0.5, algorithm="exact")
    single = make_outlier_pipeline(last, random_state=0).fit(stored)
    assert not isinstance(single[-1].index_.training_rows_, np.ndarray)
    in_memory = clone(single).fit(X)
    np.testing.assert_allclose(single.training_scores_, in_memory.training_scores_, rtol=1e-9)
    np.testing.assert_allclose(single.score_samples(X[:9]), in_memory.score_samples(X[:9]))


def test_threshold_samples_bound_the_scored_rows():
    X = rows(200)
    whole = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0).fit(X)
    some = clone(whole).set_params(threshold_samples=40).fit(X)
    assert len(some.training_scores_) == len(np.unique(some.training_indices_)) == 40
    np.testing.assert_array_equal(some.score_samples(X), whole.score_samples(X))


@pytest.mark.parametrize("locality", [0.0, 0.5])
def test_partial_fit_scores_a_batch_before_it_takes_it_in(locality):
    first, second = rows(80), rows(30, seed=1)
    scaler = FrozenEstimator(StandardScaler().fit(first))
    detector = make_outlier_pipeline(
        scaler, LCPOutlierDetector(locality=locality), random_state=0, threshold_samples=90
    )
    detector.partial_fit(first)
    assert detector.offset_ == clone(detector).fit(first).offset_
    before, scores = detector.training_scores_, detector.score_samples(second)
    detector.partial_fit(second)
    np.testing.assert_array_equal(detector.training_scores_, np.r_[before[20:], scores])
    np.testing.assert_array_equal(detector.training_indices_, np.arange(20, 110))
    assert detector.offset_ == np.quantile(detector.training_scores_, 0.05, method="weibull")
    assert detector[-1].offset_ == detector.offset_
    assert len(detector[-1].index_.training_rows_) == detector.n_samples_fit_ == 110
    if not locality:
        plain = make_pipeline(scaler, LCPOutlierDetector()).fit(np.vstack([first, second]))
        np.testing.assert_allclose(
            detector.score_samples(second), plain.score_samples(second), rtol=1e-9
        )


def test_partial_fit_is_there_where_all_steps_have_it():
    assert hasattr(make_outlier_pipeline(StandardScaler(), KNNOutlierDetector()), "partial_fit")
    assert not hasattr(make_outlier_pipeline(RobustScaler(), KNNOutlierDetector()), "partial_fit")


def test_partial_fit_of_a_detector_that_keeps_no_rows_says_nothing(recwarn):
    detector = make_outlier_pipeline(StandardScaler(), MahalanobisOutlierDetector())
    detector.partial_fit(rows()).partial_fit(rows(seed=1))
    assert len(detector.training_scores_) == 120
    assert not recwarn


def test_arguments_of_a_step_are_divided_as_the_rows():
    X = rows(60)
    weights = np.r_[np.full(30, 1e-9), np.ones(30)]
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0)
    detector.fit(X, standardscaler__sample_weight=weights)
    np.testing.assert_allclose(detector[0].mean_, X[30:].mean(axis=0), atol=1e-6)
