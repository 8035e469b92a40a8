"""OODGate: a classifier that answers only for in-distribution rows."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from skood import ConformalOutlierDetector, KNNOutlierDetector, MahalanobisOutlierDetector, OODGate

from ..detectors import rows
from .conformal_cases import FirstColumn, column

X = rows(150)
Y = np.digitize(X[:, 1], [0.0, 2.5])
NEW = np.vstack([rows(20, seed=1), rows(5, seed=2) + 100])
FAR = np.repeat([False, True], [20, 5])


def gate(**params):
    detector = KNNOutlierDetector(contamination=0.01)
    return OODGate(LogisticRegression(max_iter=1000), detector, **params)


def by_sign(classes, **params):
    """A gate that rejects negative numbers."""
    return OODGate(DecisionTreeClassifier(), FirstColumn(), **params).fit(
        column([1.0, 2.0]), classes
    )


def _checks(detector):
    with warnings.catch_warnings():
        # the checks fit on ten rows, fewer than neighbours
        warnings.simplefilter("ignore", UserWarning)
        estimator = OODGate(LogisticRegression(), detector)
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 50
    return {r["check_name"] for r in results if r["status"] == "failed"}


def test_check_estimator():
    # The checks compare predictions for training rows with the largest probability, and so want an
    # answer for all of them: alpha is too low here for any to be rejected.
    never = ConformalOutlierDetector(KNNOutlierDetector(), alpha=1e-6)
    assert _checks(never) == set()


def test_a_gate_that_rejects_fails_no_other_check():
    assert _checks(KNNOutlierDetector()) == {
        "check_classifiers_classes",
        "check_classifiers_train",
    }


def test_answers_are_those_of_the_classifier_for_what_the_detector_lets_pass():
    fitted = gate().fit(X, Y)
    expected = LogisticRegression(max_iter=1000).fit(X, Y)
    rejected = KNNOutlierDetector(contamination=0.01).fit(X, Y).predict(NEW) == -1
    assert rejected[FAR].all()
    assert not rejected.all()
    predictions = fitted.predict(NEW)
    np.testing.assert_array_equal(fitted.rejected_, rejected)
    np.testing.assert_array_equal(predictions, np.where(rejected, -1, expected.predict(NEW)))
    for method in ("predict_proba", "decision_function"):
        values = getattr(fitted, method)(NEW)
        assert np.isnan(values[rejected]).all()
        np.testing.assert_allclose(values[~rejected], getattr(expected, method)(NEW[~rejected]))
    np.testing.assert_array_equal(fitted.classes_, [0, 1, 2])
    assert fitted.reject_label_ == -1
    # rejected rows count as wrong
    truth = expected.predict(NEW)
    assert fitted.score(NEW, truth) == np.mean(~rejected)


@pytest.mark.parametrize(
    ("classes", "given", "label", "dtype"),
    [
        ([0, 1], None, -1, np.int64),
        ([-1, 1], None, -2, np.int64),
        (np.array([0, 1], dtype=np.uint8), None, -1, np.int64),
        ([0.0, 1.0], None, -1, np.float64),
        ([False, True], None, -1, np.int64),
        (["cat", "dog"], None, "OoD", np.dtype("<U3")),
        (np.array(["cat", "dog"], dtype=object), None, "OoD", object),
        (["cat", "dog"], "something else", "something else", np.dtype("<U14")),
        ([0, 1], 7, 7, np.int64),
        ([0, 1], "?", "?", object),
        (["cat", "dog"], -1, -1, object),
    ],
)
def test_the_label_of_rejected_rows(classes, given, label, dtype):
    fitted = by_sign(classes, reject_label=given)
    predictions = fitted.predict(column([-3.0, 1.0, 2.0]))
    assert predictions.tolist() == [label, *np.asarray(classes).tolist()]
    assert predictions.dtype == dtype
    assert fitted.reject_label_ == label
    assert type(predictions[0]) is type(fitted.predict(column([-5.0]))[0])
    # of the same type whatever was rejected
    assert fitted.predict(column([1.0])).dtype == dtype


@pytest.mark.parametrize(
    ("classes", "given"), [([0, 1], 1), (["cat", "OoD"], None), (["a", "b"], "b"), ([0, 1], [2])]
)
def test_a_label_that_is_a_class(classes, given):
    message = "'reject_label' parameter of OODGate must be a label that is none of the classes"
    with pytest.raises(ValueError, match=message):
        by_sign(classes, reject_label=given)


@pytest.mark.parametrize(("classes", "dtype"), [([3, 4], np.float64), (["a", "b"], object)])
def test_nan(classes, dtype):
    fitted = by_sign(classes, on_reject="nan", reject_label="unused")
    predictions = fitted.predict(column([1.0, -1.0, 2.0]))
    assert predictions.dtype == dtype
    assert [predictions[0], predictions[2]] == classes
    assert np.isnan(predictions[1])
    assert not hasattr(fitted, "reject_label_")


def test_raise_names_the_rows():
    fitted = by_sign([0, 1], on_reject="raise")
    np.testing.assert_array_equal(fitted.predict(column([1.0, 2.0])), [0, 1])
    new = column([1.0, -1.0, 2.0, -4.0])
    for method in (fitted.predict, fitted.predict_proba):
        with pytest.raises(ValueError, match=r"no answer for 2 of 4 rows, .* positions 1, 3\."):
            method(new)
        np.testing.assert_array_equal(fitted.rejected_, [False, True, False, True])
    with pytest.raises(ValueError, match=r"12 of 12 rows.*positions 0, .*, 9, \.\.\.\."):
        fitted.predict(column(-np.ones(12)))


def test_all_rows_rejected():
    far = NEW[FAR]
    fitted = gate().fit(X, Y)
    np.testing.assert_array_equal(fitted.predict(far), np.full(5, -1))
    assert fitted.predict_proba(far).shape == (5, 3)
    assert np.isnan(fitted.predict_proba(far)).all()
    binary = gate().fit(X, Y > 0)
    assert binary.decision_function(far).shape == (5,)
    one_to_one = OODGate(SVC(decision_function_shape="ovo"), KNNOutlierDetector())
    four = np.arange(150) % 4
    assert one_to_one.fit(X, four).decision_function(far).shape == (5, 6)


def test_methods_are_those_of_the_classifier():
    assert hasattr(gate(), "predict_proba")
    assert hasattr(gate(), "decision_function")
    nearest = OODGate(KNeighborsClassifier(), KNNOutlierDetector())
    assert hasattr(nearest, "predict_proba")
    assert not hasattr(nearest, "decision_function")
    with pytest.raises(AttributeError, match="has no attribute 'decision_function'"):
        _ = nearest.fit(X, Y).decision_function


def test_rejected_rows_never_reach_the_classifier():
    class Strict(DecisionTreeClassifier):
        def predict(self, X, check_input=True):
            assert (np.asarray(X) >= 0).all()
            return super().predict(X, check_input)

    fitted = OODGate(Strict(), FirstColumn()).fit(column([1.0, 2.0]), [0, 1])
    np.testing.assert_array_equal(fitted.predict(column([-1.0, 2.0])), [-1, 1])


def test_the_detector_learns_the_classes():
    fitted = OODGate(LogisticRegression(), MahalanobisOutlierDetector()).fit(X, Y)
    np.testing.assert_array_equal(fitted.detector_.classes_, [0, 1, 2])
    by_class = ConformalOutlierDetector(
        KNNOutlierDetector(), alpha=0.1, class_conditional=True, random_state=0
    )
    fitted = OODGate(LogisticRegression(max_iter=1000), by_class).fit(X, Y)
    assert (fitted.predict(NEW[FAR]) == -1).all()


def test_rejected_is_that_of_the_last_call_in_this_thread():
    fitted = gate().fit(X, Y)
    assert not hasattr(fitted, "rejected_")
    before = dict(vars(fitted))
    fitted.predict(NEW)
    assert vars(fitted) == before
    mask = fitted.rejected_
    masks = {}

    def other_thread():
        masks["before"] = hasattr(fitted, "rejected_")
        fitted.predict_proba(NEW[:3])
        masks["after"] = fitted.rejected_

    thread = threading.Thread(target=other_thread)
    thread.start()
    thread.join()
    assert masks["before"] is False
    assert len(masks["after"]) == 3
    assert fitted.rejected_ is mask
    fitted.fit(X, Y)
    assert not hasattr(fitted, "rejected_")
    with pytest.raises(AttributeError, match="only after a call"):
        _ = fitted.rejected_


def test_copies_answer_the_same():
    fitted = gate().fit(X, Y)
    expected = fitted.predict(NEW)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):  # noqa: S301
        assert not hasattr(other, "rejected_")
        np.testing.assert_array_equal(other.predict(NEW), expected)
        np.testing.assert_array_equal(other.rejected_, fitted.rejected_)
    unfitted = clone(fitted)
    with pytest.raises(NotFittedError):
        unfitted.predict(NEW)
    np.testing.assert_array_equal(unfitted.fit(X, Y).predict(NEW), expected)


def test_grid_search_over_both():
    grid = {"detector__contamination": [0.01, 0.4], "classifier__C": [1e-4, 1.0]}
    search = GridSearchCV(gate(), grid, cv=3).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == 4
    # rejecting more of the ID rows is wrong more often
    assert search.best_params_ == {"detector__contamination": 0.01, "classifier__C": 1.0}
    by_hand = gate().set_params(**search.cv_results_["params"][0])
    assert cross_val_score(by_hand, X, Y, cv=3).mean() == scores[0]


def test_pipelines_inside_and_outside():
    inside = OODGate(
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), KNNOutlierDetector()),
    ).fit(X, Y)
    outside = make_pipeline(
        StandardScaler(), OODGate(LogisticRegression(), KNNOutlierDetector())
    ).fit(X, Y)
    np.testing.assert_array_equal(inside.predict(NEW), outside.predict(NEW))
    np.testing.assert_array_equal(inside.rejected_, outside[-1].rejected_)


def test_fitted_parts():
    classifier, detector = LogisticRegression(max_iter=1000).fit(X, Y), KNNOutlierDetector().fit(X)
    frozen = OODGate(FrozenEstimator(classifier), FrozenEstimator(detector)).fit(X[:10], Y[:10])
    np.testing.assert_array_equal(
        frozen.predict(NEW), np.where(detector.predict(NEW) == 1, classifier.predict(NEW), -1)
    )


def test_images_and_frames():
    images = X.reshape(150, 2, 2)
    flat = FunctionTransformer(lambda A: np.asarray(A).reshape(len(A), -1))
    by_image = OODGate(
        make_pipeline(flat, DecisionTreeClassifier(random_state=0)),
        make_pipeline(flat, KNNOutlierDetector()),
    ).fit(images, Y)
    plain = OODGate(DecisionTreeClassifier(random_state=0), KNNOutlierDetector())
    expected = plain.fit(X, Y).predict(NEW)
    np.testing.assert_array_equal(by_image.predict(NEW.reshape(25, 2, 2)), expected)
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = clone(plain).fit(frame, pd.Series(Y))
    assert list(named.feature_names_in_) == list("abcd")
    assert named.n_features_in_ == 4
    np.testing.assert_array_equal(named.predict(pd.DataFrame(NEW, columns=list("abcd"))), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(pd.DataFrame(NEW, columns=list("abcx")))
    named.fit(X, Y)
    assert not hasattr(named, "feature_names_in_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"classifier": StandardScaler()}, "'classifier' .* an estimator with `fit` and `predict`"),
        ({"classifier": LogisticRegression}, "'classifier' parameter of OODGate must be"),
        ({"detector": StandardScaler()}, "'detector' .* an estimator with `fit` and `predict`"),
        ({"on_reject": "drop"}, "'on_reject' .* one of 'label', 'nan', 'raise'. Got 'drop'"),
        ({"on_reject": None}, "'on_reject' parameter of OODGate must be one of"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        gate().set_params(**params).fit(X, Y)
