"""Labels in the y of `fit`: +1 and -1 say what is known, gaps and masked cells are refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skood
from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    MahalanobisOutlierDetector,
    OODGate,
    TrimmedOutlierDetector,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.metrics import auroc
from skood.model_selection import LeaveClassesOut, NoveltyKFold, ood_scorer

from ..detectors import CALIBRATED, DETECTORS, RAW_INPUTS, TRANSFORMERS, rows

ALL = DETECTORS + CALIBRATED + RAW_INPUTS
X_IN, X_OUT, Q = rows(), rows(20, seed=1) * 3 + 20, rows(15, seed=2)
X = np.vstack([X_IN[:30], X_OUT, X_IN[30:]])
Y = np.repeat([1, -1, 1], [30, 20, 30])


@pytest.mark.parametrize("case", ALL, ids=str)
def test_rows_labelled_minus_one_are_not_learnt(case):
    detector = case.make().fit(X, Y)
    known = case.make().fit(X_IN, np.ones(60, dtype=int))
    np.testing.assert_array_equal(detector.score_samples(Q), known.score_samples(Q))
    assert detector.offset_ == known.offset_
    assert len(detector.training_scores_) == len(known.training_scores_)


@pytest.mark.parametrize("case", [c for c in ALL if hasattr(c.make(), "partial_fit")], ids=str)
def test_nor_in_partial_fit(case):
    def two_calls(first, second, y_first=None, y_second=None):
        return case.make(random_state=0).partial_fit(first, y_first).partial_fit(second, y_second)

    ones = np.ones(30, dtype=int)
    detector = two_calls(X[:40], X[40:], Y[:40], Y[40:])
    known = two_calls(X_IN[:30], X_IN[30:], ones, ones)
    np.testing.assert_array_equal(detector.score_samples(Q), known.score_samples(Q))
    assert detector.offset_ == known.offset_


@pytest.mark.parametrize("case", ALL, ids=str)
def test_nothing_but_minus_one_is_refused(case):
    with pytest.raises(ValueError, match=r"learns from in-distribution rows, .* all 60 labels in"):
        case.make().fit(X_IN, np.full(60, -1))


@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_refit_of_a_search_is_the_fit_by_hand(case):
    name, values = case.search
    made = case.make(random_state=0) if "random_state" in case.make().get_params() else case.make()
    search = GridSearchCV(
        made, {name: values[:2]}, cv=NoveltyKFold(2), scoring=ood_scorer("fpr_at_tpr")
    ).fit(X, Y)
    by_hand = made.set_params(**search.best_params_).fit(X_IN)
    np.testing.assert_array_equal(search.best_estimator_.score_samples(Q), by_hand.score_samples(Q))


def test_a_search_finds_what_it_was_shown():
    search = GridSearchCV(
        KNNOutlierDetector(), {"n_neighbors": [2, 5]}, cv=NoveltyKFold(), scoring=ood_scorer()
    ).fit(X, Y)
    new, labels = np.vstack([Q, rows(15, seed=3) * 3 + 20]), np.repeat([1, -1], 15)
    assert auroc(labels, search.score_samples(new)) == 1.0


GAPS = {
    "NaN": [np.nan if i == 7 else float(i % 3) for i in range(60)],
    "None": [None if i == 7 else i % 3 for i in range(60)],
    "NaN among words": np.array(["ab"[i % 2] if i != 7 else np.nan for i in range(60)], object),
    "NA": pd.array([None if i == 7 else i % 3 for i in range(60)], dtype="Int64"),
    "series of NA": pd.Series([None if i == 7 else i % 3 for i in range(60)], dtype="Int64"),
    "NA among words": pd.Series(["a" if i != 7 else None for i in range(60)], dtype="string"),
    "category": pd.Series(["ab"[i % 2] if i != 7 else None for i in range(60)], dtype="category"),
    "masked": np.ma.array(np.arange(60) % 3, mask=np.arange(60) == 7),
    "NaT": np.where(np.arange(60) == 7, np.datetime64("NaT"), np.datetime64("2020-01-01")),
}


@pytest.mark.parametrize("gap", GAPS)
def test_gaps_in_labels_are_refused(gap):
    message = r"labels y have 1 missing value\(s\) \(NaN, NA, None or masked\) among 60"
    for case in ALL:
        with pytest.raises(ValueError, match=message):
            case.make().fit(X_IN, GAPS[gap])
    for splitter in (LeaveClassesOut(), NoveltyKFold()):
        with pytest.raises(ValueError, match=message):
            list(splitter.split(X_IN, GAPS[gap]))
    with pytest.raises(ValueError, match=message):
        ood_scorer()(KNNOutlierDetector().fit(X_IN), X_IN, GAPS[gap])
    by_class = ConformalOutlierDetector(KNNOutlierDetector(3), class_conditional=True)
    with pytest.raises(ValueError, match=message):
        by_class.fit(X_IN, GAPS[gap])


def test_labels_of_several_types_are_refused():
    y = np.array([1, "a"] * 30, dtype=object)
    with pytest.raises(ValueError, match=r"must be of one type that has an order. Got int, str"):
        MahalanobisOutlierDetector().fit(X_IN, y)


@pytest.mark.parametrize("case", ALL + TRANSFORMERS, ids=str)
def test_masked_cells_are_refused(case):
    masked = np.ma.array(X_IN, mask=np.arange(240).reshape(60, 4) == 9)
    with pytest.raises(ValueError, match=r"^Input X contains 1 masked cell\(s\)"):
        case.make().fit(masked)
    fitted = case.make().fit(X_IN)
    method = fitted.score_samples if hasattr(fitted, "score_samples") else fitted.transform
    with pytest.raises(ValueError, match=r"^Input X contains 1 masked cell\(s\)"):
        method(masked)
    whole = np.ma.array(X_IN, mask=False)
    np.testing.assert_array_equal(method(whole), method(X_IN))


def test_a_gate_takes_classifiers():
    from sklearn.linear_model import LinearRegression

    with pytest.raises(ValueError, match="'classifier' parameter of OODGate must be a classifier"):
        OODGate(LinearRegression(), KNNOutlierDetector()).fit(X_IN, X_IN[:, 0])


def test_rooms_are_there_after_import_skood():
    code = (
        "import skood; print(skood.model_selection.LeaveClassesOut.__name__, skood.metrics.auroc)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("LeaveClassesOut")
    assert "model_selection" in dir(skood)


KINDS = {
    "objects": Y.astype(object),
    "list": Y.tolist(),
    "floats": Y.astype(float),
    "column": Y[:, np.newaxis],
    "frame": pd.DataFrame({"y": Y}),
    "nullable": pd.Series(Y, dtype="Int64"),
    "category": pd.Series(Y).astype("category"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_any_kind_say_what_is_known(kind):
    for make in (KNNOutlierDetector, lambda: make_outlier_detector(random_state=0)):
        known = make().fit(X_IN)
        assert make().fit(X, KINDS[kind]).offset_ == known.offset_


def test_words_and_truth_values_are_classes():
    every = KNNOutlierDetector().fit(X)
    for classes in (Y.astype(str), Y == 1):
        assert KNNOutlierDetector().fit(X, classes).offset_ == every.offset_


def test_all_steps_of_an_outlier_pipeline_see_the_known_rows_alone():
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0)
    search = GridSearchCV(
        detector,
        {"knnoutlierdetector__n_neighbors": [3, 6]},
        cv=NoveltyKFold(2),
        scoring=ood_scorer(),
    ).fit(X, Y)
    by_hand = detector.set_params(**search.best_params_).fit(X_IN)
    np.testing.assert_array_equal(search.best_estimator_[0].mean_, X_IN.mean(axis=0))
    np.testing.assert_array_equal(search.best_estimator_.score_samples(Q), by_hand.score_samples(Q))
    assert search.best_estimator_.offset_ == by_hand.offset_
    with pytest.raises(
        ValueError, match=r"OutlierPipeline learns from in-distribution rows, .* 60"
    ):
        detector.fit(X_IN, np.full(60, -1))


def test_to_a_gate_plus_and_minus_one_are_classes():
    gate = OODGate(LogisticRegression(), KNNOutlierDetector(contamination=0.1)).fit(X, Y)
    np.testing.assert_array_equal(gate.classes_, [-1, 1])
    answered = gate.predict(X) != gate.reject_label_
    assert answered[Y == -1].mean() > 0.5
    np.testing.assert_array_equal(gate.predict(X)[answered], Y[answered])


ON_DASK = {
    "KNN": KNNOutlierDetector,
    "Mahalanobis": MahalanobisOutlierDetector,  # by sums
    "scaled": lambda: make_pipeline(StandardScaler(), KNNOutlierDetector()),
    "honest": lambda: make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), random_state=0),
    "conformal": lambda: ConformalOutlierDetector(KNNOutlierDetector(), alpha=0.1, random_state=0),
    "trimmed": lambda: TrimmedOutlierDetector(KNNOutlierDetector()),
    "layers": lambda: LayerEnsemble(KNNOutlierDetector()),
    "logistic": lambda: LayerEnsemble(KNNOutlierDetector(), combine="logistic"),
    "shards": "shards",
}


@pytest.mark.parametrize("name", ON_DASK)
@pytest.mark.parametrize("of_frames", [False, True])
def test_dask_collections(name, of_frames):
    da = pytest.importorskip("dask.array", reason="dask (extra 'dask') is not installed")
    from skood.parallel import DaskOutlierDetector, ShardedIndex

    make = ON_DASK[name]
    if name == "shards":
        make = lambda: KNNOutlierDetector(algorithm=ShardedIndex())  # noqa: E731
    given, y, new = da.from_array(X, chunks=(20, -1)), da.from_array(Y, chunks=20), Q
    if of_frames:
        import dask.dataframe as dd

        given = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")), npartitions=4)
        y, new = dd.from_pandas(pd.Series(Y), npartitions=4), pd.DataFrame(Q, columns=list("abcd"))
    detector = DaskOutlierDetector(make()).fit(given, y)
    if name == "logistic":
        known = make().fit(X, Y)
    elif name == "scaled":  # Dask fits the steps one by one, each to the known rows
        known = make().fit(X_IN)
    else:
        known = (KNNOutlierDetector if name == "shards" else make)().fit(X_IN)
    np.testing.assert_allclose(detector.score_samples(new), known.score_samples(Q), rtol=1e-9)
    with pytest.raises(ValueError, match=r"-1"):
        DaskOutlierDetector(make()).fit(given, np.full(80, -1))
