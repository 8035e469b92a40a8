"""Rows, labels and steps that users bring to an `OutlierPipeline`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.model_selection import NoveltyKFold, ood_scorer

from ..detectors import rows
from .test_outlier_pipeline import Spy


def flagged(detector, X):
    return float((detector.predict(X) == -1).mean())


@pytest.mark.parametrize("kind", ["tabular", "embedding"])
@pytest.mark.parametrize("n", [3, 4, 10])
def test_few_rows(kind, n):
    X = rows(n, 6)
    with pytest.warns(UserWarning, match="n_neighbors=15") as caught:
        detector = make_outlier_detector(kind).fit(X)
    assert len(caught) == 1  # not one for each fold
    assert len(detector.training_scores_) == n
    assert np.isfinite(detector.training_scores_).all()
    if kind == "tabular":
        assert flagged(detector, X[:2] + 1e6) == 1


def test_few_rows_of_many_columns():
    both = np.random.default_rng(0).normal(size=(400, 768))
    detector = make_outlier_detector("embedding").fit(both[:100])
    assert flagged(detector, both[100:]) < 0.15  # a plain Pipeline flags 46 %


@pytest.mark.parametrize("n_groups", [2, 3, 10])
def test_few_groups(n_groups):
    X, groups = rows(60, 6), np.arange(60) % n_groups
    detector = make_outlier_detector("embedding").fit(X, groups=[f"video {i}" for i in groups])
    assert np.isfinite(detector.training_scores_).all()
    frame = pd.Series(groups, index=np.arange(60) + 7)  # an index that is no position
    assert detector.offset_ == clone(detector).fit(X, groups=frame).offset_


def test_bad_groups():
    X, detector = rows(60, 6), make_outlier_detector()
    with pytest.raises(ValueError, match=r"The groups have 1 missing value\(s\)"):
        detector.fit(X, groups=np.r_[np.nan, np.arange(59)])
    with pytest.raises(ValueError, match=r"at least 2 groups. Got 1"):
        detector.fit(X, groups=np.zeros(60))


@pytest.mark.parametrize("n_rare", [1, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda: [StandardScaler(), MahalanobisOutlierDetector()],
        lambda: [LinearDiscriminantAnalysis(), KNNOutlierDetector()],
        lambda: [SelectKBest(k=3), LCPOutlierDetector(locality=0.5)],
    ],
    ids=["mahalanobis", "supervised", "selection"],
)
def test_a_class_with_fewer_rows_than_folds(make, n_rare):
    y = np.repeat(["a", "b", "c"], [50, 50 - n_rare, n_rare])
    X = rows(100, 6) + (y == "b")[:, np.newaxis]
    detector = make_outlier_pipeline(*make(), random_state=0).fit(X, y)
    assert list(detector.classes_) == ["a", "b", "c"]
    assert flagged(detector, X + 50) == 1
    assert flagged(detector, X) < 0.2


def test_a_category_that_only_one_fold_has():
    kinds = ["x"] * 30 + ["y"] * 29 + ["z"]
    frame = pd.DataFrame(rows(60, 2), columns=["a", "b"]).assign(kind=kinds)
    encoders = OneHotEncoder(), OneHotEncoder(handle_unknown="ignore")
    fails, works = (
        make_outlier_pipeline(
            ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("c", encoder, ["kind"])]),
            KNNOutlierDetector(),
            random_state=0,
        )
        for encoder in encoders
    )
    with pytest.raises(
        ValueError, match=r"without a fold .* needs handle_unknown='ignore'\): Found unk"
    ):
        fails.fit(frame)
    works.fit(frame)
    assert list(works.feature_names_in_) == ["a", "b", "kind"]
    assert flagged(works, frame.assign(a=50.0)) == 1


@pytest.mark.parametrize("constant", [slice(2, 3), slice(None)], ids=["one", "all"])
def test_constant_columns(constant):
    X = rows(60, 4)
    X[:, constant] = 3.0
    detector = make_outlier_detector("embedding").fit(X)
    assert flagged(detector, X) <= 0.1
    # another direction: the preset divides rows by their length
    assert flagged(detector, X - np.eye(4)[2] * 10) == 1


def test_texts():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(["red", "green", "sky", "sea"], 5)) for _ in range(60)]
    steps = TfidfVectorizer(), TruncatedSVD(3, random_state=0), LCPOutlierDetector(locality=0.5)
    detector = make_outlier_pipeline(*steps, random_state=0).fit(texts)
    assert flagged(detector, texts) < 0.2


def test_arguments_of_a_step_with_locality():
    weights = np.r_[np.full(30, 1e-9), np.ones(30)]
    steps = StandardScaler(), LCPOutlierDetector(locality=0.5)
    detector = make_outlier_pipeline(*steps, random_state=0)
    detector.fit(rows(60), standardscaler__sample_weight=weights)
    assert np.isfinite(detector.training_scores_).all()


def test_an_inner_outlier_pipeline_is_fitted_once_for_each_fold():
    Spy.seen.clear()
    inner = make_outlier_pipeline(Spy(), KNNOutlierDetector(5, contamination=0.2), random_state=0)
    X = rows(100)
    flat = clone(inner).fit(X)
    n_seen = len(Spy.seen)
    detector = make_outlier_pipeline(StandardScaler(), inner, random_state=0).fit(X)
    # as often again for the inner one, and for the outer one, whose fit on all rows that was
    assert len(Spy.seen) == 3 * n_seen - 1
    assert len(detector.training_scores_) == 100
    assert (detector.training_scores_ < detector.offset_).sum() == 20
    assert flat.offset_ != detector.offset_  # scaled first
    inner.set_params(contamination=0.1)
    again = clone(detector).set_params(outlierpipeline=inner).fit(X)
    assert (again.training_scores_ < again.offset_).sum() == 10


def test_a_search_in_an_outer_pipeline():
    X = np.vstack([rows(60), rows(20, seed=1) + 3])
    y = np.r_[np.ones(60), -np.ones(20)].astype(int)
    outer = make_pipeline(SimpleImputer(), make_outlier_detector(n_neighbors=5))
    grid = {
        "outlierpipeline__outlierensemble__units__perplexity": [2.0, 5.0],
        "outlierpipeline__n_folds": [3],
        "outlierpipeline__tablescaler": ["passthrough", StandardScaler()],
    }
    search = GridSearchCV(
        outer, grid, cv=NoveltyKFold(3), scoring=ood_scorer("auroc"), error_score="raise"
    ).fit(X, y)
    by_hand = clone(outer).set_params(**search.best_params_).fit(X[:60])
    np.testing.assert_array_equal(search.predict(X), by_hand.predict(X))


@pytest.mark.arithmetic
@pytest.mark.parametrize(
    "make",
    [
        lambda: [StandardScaler(), KNNOutlierDetector()],
        lambda: [PartialWhitener(), LCPOutlierDetector(locality=0.5, algorithm="exact")],
    ],
    ids=["knn", "locality"],
)
def test_threshold_after_many_batches(make):
    """A row is further from 100 rows than from 1,100: old scores leave."""
    shares = []
    for seed in range(3):
        X = np.random.default_rng(seed).normal(size=(2100, 8))
        detector = make_outlier_pipeline(*make(), random_state=seed).partial_fit(X[:100])
        for batch in np.split(X[100:1100], 50):
            detector.partial_fit(batch)
        assert detector.training_indices_.min() == 550
        shares.append(flagged(detector, X[1100:]))
    assert 0.03 < np.mean(shares) < 0.07
