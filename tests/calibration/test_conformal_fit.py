"""ConformalOutlierDetector: which rows calibrate, which detectors and inputs serve, and errors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    MahalanobisOutlierDetector,
    make_outlier_detector,
)

from ..detectors import rows
from .conformal_cases import FirstColumn, calibrated, column


def test_rows_are_split_and_the_detector_sees_the_others():
    X, y = rows(80), np.arange(80) % 2
    detector = ConformalOutlierDetector(
        MahalanobisOutlierDetector(), alpha=0.2, calibration_size=0.3, random_state=0
    ).fit(X, y)
    calibration = detector.training_indices_
    assert len(np.unique(calibration)) == 24
    others = np.setdiff1d(np.arange(80), calibration)
    alone = MahalanobisOutlierDetector().fit(X[others], y[others])
    np.testing.assert_array_equal(detector.training_scores_, alone.score_samples(X[calibration]))
    np.testing.assert_array_equal(detector.detector_.classes_, [0, 1])
    assert detector.n_features_in_ == 4
    same = clone(detector).fit(X, y)
    np.testing.assert_array_equal(same.training_indices_, calibration)
    other = clone(detector).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.training_indices_, calibration)


def test_only_class_conditional_draws_by_class():
    y = np.repeat(["common", "rare"], [90, 10])
    detector = ConformalOutlierDetector(FirstColumn(), alpha=0.4, calibration_size=0.2)
    by_class = clone(detector).set_params(class_conditional=True)
    for seed in range(20):
        drawn = by_class.set_params(random_state=seed).fit(rows(100), y).training_indices_
        assert (y[drawn] == "rare").sum() == 2
        assert len(drawn) == 20
    counts = {
        (
            y[detector.set_params(random_state=seed).fit(rows(100), y).training_indices_] == "rare"
        ).sum()
        for seed in range(20)
    }
    assert len(counts) > 1


@pytest.mark.parametrize(("share", "expected"), [(0.001, 1), (0.999, 9), (0.5, 5)])
def test_one_row_at_least_fits_and_one_calibrates(share, expected):
    detector = ConformalOutlierDetector(FirstColumn(), alpha=0.6, calibration_size=share)
    detector.fit(rows(10))
    assert len(detector.training_scores_) == expected
    assert detector.detector_.n_rows_ == 10 - expected


def test_a_fitted_detector_is_calibrated_by_all_rows():
    X, new = rows(100), rows(60, seed=1)
    fitted = make_pipeline(StandardScaler(), KNNOutlierDetector()).fit(X)
    before = pickle.dumps(fitted)
    detector = ConformalOutlierDetector(FrozenEstimator(fitted), random_state=0).fit(new)
    assert pickle.dumps(fitted) == before
    np.testing.assert_array_equal(detector.training_indices_, np.arange(60))
    np.testing.assert_array_equal(detector.training_scores_, fitted.score_samples(new))
    with pytest.raises(NotFittedError):
        ConformalOutlierDetector(FrozenEstimator(KNNOutlierDetector())).fit(new)


def test_rows_labelled_outside_calibrate_nothing():
    X = np.vstack([rows(80), rows(20, seed=1) * 20])
    y = np.repeat([1, -1], [80, 20])
    ensemble = LayerEnsemble(KNNOutlierDetector(3), groups=[2, 2], combine="logistic")
    for inner in (ensemble, make_pipeline(StandardScaler(), ensemble)):
        detector = ConformalOutlierDetector(inner, alpha=0.1, random_state=0).fit(X, y)
        assert detector.__sklearn_tags__().target_tags.required
        assert len(detector.training_indices_) == 20
        assert detector.training_indices_.max() < 80
        assert (detector.predict(X[80:]) == -1).all()
        by_class = clone(detector).set_params(class_conditional=True).fit(X, y)
        assert by_class.training_indices_.max() < 80
        frozen = FrozenEstimator(clone(inner).fit(X, y))
        calibrated_by = ConformalOutlierDetector(frozen, alpha=0.1).fit(X, y).training_indices_
        np.testing.assert_array_equal(calibrated_by, np.arange(80))
    # other detectors are not given these rows at all
    plain = ConformalOutlierDetector(KNNOutlierDetector(3), alpha=0.1, random_state=0)
    without = clone(plain).fit(X[:80]).score_samples(X)
    np.testing.assert_array_equal(plain.fit(X, y).score_samples(X), without)
    assert plain.training_indices_.max() < 80
    # where there is a third label, -1 is the name of a class
    y[:10] = 0
    assert plain.fit(X, y).training_indices_.max() >= 80


@pytest.mark.parametrize(
    "inner",
    [
        make_outlier_detector("tabular"),
        make_outlier_detector("embedding"),
        LocalOutlierFactor(novelty=True),
        GaussianMixture(2, random_state=0),
        LayerEnsemble(KNNOutlierDetector(), groups=[2, 2]),
    ],
    ids=lambda inner: type(inner).__name__,
)
def test_any_detector_that_scores(inner):
    X, strange = rows(200) + 5.0, rows(20, seed=1) * [10.0, -10.0, 10.0, -10.0] - 50.0
    detector = ConformalOutlierDetector(inner, alpha=0.1, random_state=0).fit(X)
    assert (detector.predict(strange) == -1).all()  # far away, and in another direction
    inside = detector.predict(rows(400, seed=2) + 5.0) == -1
    # 50 calibration rows: 0.1 with a standard deviation of 0.042 over these, 0.015 over new rows
    assert 0 < inside.mean() < 0.1 + 4 * 0.045


def test_images_pass_through():
    images = np.random.default_rng(0).normal(size=(120, 4, 4)).astype(np.float32)
    flat = FunctionTransformer(lambda X: np.asarray(X).reshape(len(X), -1))
    detector = ConformalOutlierDetector(
        make_pipeline(flat, KNNOutlierDetector()), alpha=0.2, random_state=0
    ).fit(images, np.arange(120) % 3)
    assert len(detector.training_scores_) == 30
    whole = detector.p_values(images)
    np.testing.assert_allclose(detector.p_values(images[5:9]), whole[5:9])
    assert (detector.predict(images[:5] + 9) == -1).all()


def test_frames_with_words_in_them():
    frame = pd.DataFrame(rows(100), columns=list("abcd")).assign(kind=["x", "y"] * 50)
    columns = make_column_transformer(
        (OneHotEncoder(), ["kind"]), (StandardScaler(), list("abcd")), sparse_threshold=0
    )
    inner = make_pipeline(columns, KNNOutlierDetector())
    detector = ConformalOutlierDetector(inner, alpha=0.2, random_state=0).fit(frame)
    assert list(detector.feature_names_in_) == [*"abcd", "kind"]
    calibration_rows = frame.iloc[detector.training_indices_]
    assert (detector.p_values(calibration_rows) <= 1).all()
    with pytest.raises(ValueError, match="columns are missing"):
        detector.predict(frame.drop(columns="kind"))


def test_refitting_forgets_columns_and_classes():
    detector = ConformalOutlierDetector(KNNOutlierDetector(3), alpha=0.2, random_state=0)
    detector.fit(pd.DataFrame(rows(), columns=list("abcd")), np.arange(60) % 2)
    detector.fit(rows(60, 3))
    assert not hasattr(detector, "classes_")
    assert not hasattr(detector, "feature_names_in_")
    assert detector.n_features_in_ == 3


@pytest.mark.parametrize(("alpha", "n"), [(0.05, 18), (0.01, 98), (0.3, 2), (0.5, 0)])
def test_too_few_rows_for_alpha(alpha, n):
    if n:
        message = rf"alpha={alpha:g} flags nothing with less than {n + 1} .*; there are {n}\."
        with pytest.warns(UserWarning, match=message) as record:
            detector = calibrated(np.arange(float(n)), alpha=alpha)
        assert len(record) == 1
        assert record[0].filename.endswith("conformal_cases.py")
        assert detector.offset_ == -np.inf
        far = column([-1e300, -np.inf])
        np.testing.assert_array_equal(detector.predict(far), [1, 1])
        np.testing.assert_array_equal(detector.decision_function(far), [np.inf, 0])
    enough = calibrated(np.arange(n + 1.0), alpha=alpha)
    np.testing.assert_array_equal(enough.predict(column([-1.0])), [-1])


def test_too_few_rows_of_a_class():
    y = np.repeat(["a", "b", "c"], [30, 3, 4])
    message = r"less than 19 calibration rows of each class; there are 3 of 'b', 4 of 'c'\."
    with pytest.warns(UserWarning, match=message):
        detector = calibrated(np.arange(37.0), y, class_conditional=True)
    assert detector.offset_ == -np.inf


@pytest.mark.parametrize("value", [KNNOutlierDetector, StandardScaler(), None, "knn"])
def test_what_is_no_detector(value):
    message = "'detector' parameter of ConformalOutlierDetector must be an estimator with `fit` and"
    with pytest.raises(ValueError, match=message):
        ConformalOutlierDetector(value).fit(rows())


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *(("alpha", value, r"a float in \(0, 1\)") for value in (0, 1, 1.5, "low", None, np.nan)),
        *(("calibration_size", value, r"a float in \(0, 1\)") for value in (0.0, 1, 20, None)),
        *(
            ("control", value, "one of 'marginal', 'fdr', 'fdr-e'")
            for value in ("fwer", None, True)
        ),
        *(("class_conditional", value, "a bool") for value in ("yes", 1, None)),
    ],
)
def test_bad_parameters(name, value, allowed):
    message = rf"'{name}' parameter of ConformalOutlierDetector must be {allowed}. Got {value!r}"
    with pytest.raises(ValueError, match=message):
        ConformalOutlierDetector(KNNOutlierDetector(), **{name: value}).fit(rows(), np.ones(60))


@pytest.mark.parametrize("y", [None, np.linspace(0, 1, 60)])
def test_classes_are_needed(y):
    detector = ConformalOutlierDetector(KNNOutlierDetector(), class_conditional=True)
    with pytest.raises(ValueError, match=r"class_conditional=True .* needs class labels in y"):
        detector.fit(rows(), y)


def test_a_class_of_one_row():
    y = ["many"] * 59 + ["one"]
    detector = ConformalOutlierDetector(KNNOutlierDetector(), class_conditional=True)
    with pytest.raises(ValueError, match=r"at least 2 rows of each class. Got 1 row .*'one'"):
        detector.fit(rows(), y)


def test_scores_that_are_nan():
    X = rows()
    detector = ConformalOutlierDetector(FirstColumn(), alpha=0.2, random_state=0).fit(X)
    X[3:5, 0] = np.nan
    with pytest.raises(ValueError, match="FirstColumn gives the score NaN to 2 of 60 rows"):
        detector.predict(X)
    with pytest.raises(ValueError, match="gives the score NaN"):
        clone(detector).set_params(calibration_size=0.99).fit(X)


def test_copies_have_the_same_p_values():
    detector = calibrated(np.zeros(30), alpha=0.1, random_state=3)
    new = column(np.zeros(1)) + np.arange(1)
    for other in (pickle.loads(pickle.dumps(detector)), copy.deepcopy(detector)):  # noqa: S301
        np.testing.assert_array_equal(other.p_values(new), detector.p_values(new))
        assert other.offset_ == detector.offset_
