"""Bad input never ends in a traceback of NumPy's, and leaves the fitted state as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skood import KNNOutlierDetector, LCPOutlierDetector
from skood.neighbors import ExactIndex

from ..detectors import CALIBRATED, DETECTORS, VARIANTS, rows

detectors = pytest.mark.parametrize("case", DETECTORS, ids=str)
also_calibrated = pytest.mark.parametrize("case", DETECTORS + CALIBRATED, ids=str)
with_neighbors = pytest.mark.parametrize(
    "case", [c for c in DETECTORS + VARIANTS if c.neighbors], ids=str
)


def _with(value):
    X = rows().astype(object if isinstance(value, str) else float)
    X[3, 1] = value
    return X


BAD_ROWS = [
    (_with(np.nan), "contains NaN"),
    (_with(np.inf), "contains infinity"),
    (_with("red"), "could not convert string to float"),
    (sparse.csr_array(rows()), r"(?s)[Ss]parse.*dense"),
    (np.empty((0, 4)), r"0 sample\(s\)"),
    (np.empty((60, 0)), r"0 feature\(s\)"),
    (rows()[0], "Expected 2D array, got 1D array"),
    (rows()[..., np.newaxis], "dim 3"),
    (rows() * 1j, "Complex data not supported"),
]


@also_calibrated
@pytest.mark.parametrize(("X", "message"), BAD_ROWS)
def test_bad_rows(case, X, message):
    with pytest.raises((ValueError, TypeError), match=message):
        case.make().fit(X)
    detector = case.make().fit(rows())
    before = detector.score_samples(rows(5, seed=1))
    if X.shape != (60, 0):
        with pytest.raises((ValueError, TypeError), match=message):
            detector.score_samples(X)
    np.testing.assert_array_equal(detector.score_samples(rows(5, seed=1)), before)


@also_calibrated
def test_one_training_row(case):
    with pytest.raises(ValueError, match=r"1 sample\(s\).*minimum of [23]"):
        case.make().fit(rows(1))


@also_calibrated
def test_wrong_width(case):
    detector = case.make().fit(rows())
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        detector.predict(rows(5, 3))


@also_calibrated
def test_wrong_column_names(case):
    detector = case.make().fit(pd.DataFrame(rows(), columns=list("abcd")))
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*unseen.*- x"):
        detector.predict(pd.DataFrame(rows(), columns=list("abcx")))


@also_calibrated
def test_value_beyond_float32(case):
    detector = case.make().fit(rows(dtype=np.float32))
    with pytest.raises(ValueError, match="too large for dtype"):
        detector.score_samples(rows() * 1e60)


@also_calibrated
def test_not_fitted(case):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        case.make().predict(rows())


@also_calibrated
@pytest.mark.parametrize("y", [np.ones(59), np.ones((60, 2))])
def test_bad_labels(case, y):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples|should be a 1d array"):
        case.make().fit(rows(), y)


@detectors
@pytest.mark.parametrize("value", [0, 0.0, -0.1, 0.51, 1, np.nan, "auto", None, True])
def test_contamination(case, value):
    message = (
        rf"'contamination' parameter of \w+ must be a float in \(0, 0.5\]. Got {value!r} instead"
    )
    with pytest.raises(ValueError, match=message):
        case.make(contamination=value).fit(rows())


@detectors
@pytest.mark.parametrize("value", [1, 0, 2.5, "all", True])
def test_threshold_samples(case, value):
    message = (
        rf"'threshold_samples' parameter of \w+ must be an int in \[2, inf\) or None. Got {value!r}"
    )
    with pytest.raises(ValueError, match=message):
        case.make(threshold_samples=value).fit(rows())


@with_neighbors
@pytest.mark.parametrize("value", [0, -3, 2.0, "5", None, True])
def test_n_neighbors(case, value):
    message = rf"'n_neighbors' parameter of \w+ must be an int in \[1, inf\). Got {value!r} instead"
    with pytest.raises(ValueError, match=message):
        case.make(n_neighbors=value).fit(rows())


@with_neighbors
def test_as_many_neighbors_as_rows_warns_once(case):
    with pytest.warns(UserWarning, match=r"n_neighbors=30 .* 29 other training rows") as record:
        detector = case.make(n_neighbors=30).fit(rows(30))
    assert len(record) == 1
    assert detector.n_neighbors_ == 29
    with_29 = case.make(n_neighbors=29).fit(rows(30))
    np.testing.assert_array_equal(
        detector.score_samples(rows(5, seed=1)), with_29.score_samples(rows(5, seed=1))
    )


@with_neighbors
@pytest.mark.parametrize("value", ["ball_tree", None, 3, ExactIndex])
def test_algorithm(case, value):
    with pytest.raises(
        ValueError, match=r"'algorithm' parameter of \w+ must be one of 'auto', 'exact'"
    ):
        case.make(algorithm=value).fit(rows())


@pytest.mark.parametrize("make", [KNNOutlierDetector, LCPOutlierDetector, ExactIndex])
@pytest.mark.parametrize("value", ["l1", None, 2])
def test_metric(make, value):
    with pytest.raises(
        ValueError, match=r"'metric' parameter of \w+ must be one of 'euclidean', 'cosine'"
    ):
        make(metric=value).fit(rows())


@pytest.mark.parametrize("make", [KNNOutlierDetector, LCPOutlierDetector])
def test_metric_of_the_index_given(make):
    with pytest.raises(
        ValueError, match=r"'metric' parameter of .* must be 'cosine', the metric of"
    ):
        make(algorithm=ExactIndex(metric="cosine")).fit(rows())


@pytest.mark.parametrize("make", [KNNOutlierDetector, LCPOutlierDetector, ExactIndex])
@pytest.mark.parametrize("value", [0, -2, 1.5, "two"])
def test_n_jobs(make, value):
    with pytest.raises(ValueError, match=r"'n_jobs' parameter of \w+ must be an int"):
        make(n_jobs=value).fit(rows())


@pytest.mark.parametrize("make", [KNNOutlierDetector, LCPOutlierDetector])
def test_cosine_of_a_row_of_zeros(make):
    X = rows()
    detector = make(metric="cosine").fit(X)
    with pytest.raises(ValueError, match=r"1 row\(s\) of zeros, the first at position 2"):
        detector.score_samples([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("value", [1, 1.0, 0.5, 15.1, np.nan, "5", None])
def test_perplexity(value):
    message = rf"'perplexity' parameter of \w+ must be a float in \(1, n_neighbors\]. Got {value!r}"
    with pytest.raises(ValueError, match=message):
        LCPOutlierDetector(perplexity=value).fit(rows())


@pytest.mark.parametrize("name", ["locality", "variance_weight"])
@pytest.mark.parametrize("value", [-0.1, np.inf, np.nan, "no"])
def test_lcp_options(name, value):
    message = (
        rf"'{name}' parameter of LCPOutlierDetector must be a float in \[0, inf\). Got {value!r}"
    )
    with pytest.raises(ValueError, match=message):
        LCPOutlierDetector(**{name: value}).fit(rows())


@pytest.mark.parametrize("value", ["median", None, 1])
def test_aggregation(value):
    message = "'aggregation' parameter of KNNOutlierDetector must be one of 'mean', 'max'"
    with pytest.raises(ValueError, match=message):
        KNNOutlierDetector(aggregation=value).fit(rows())
