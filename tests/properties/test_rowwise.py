"""A row's score depends on that row and the fitted state, never on the rows beside it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skood import (
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    OODGate,
    PartialWhitener,
    make_outlier_detector,
    make_outlier_pipeline,
)

from ..detectors import CALIBRATED, DETECTORS, PIPELINES, RAW_INPUTS, VARIANTS, Case, rows

pytestmark = pytest.mark.arithmetic
everything = pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + PIPELINES + RAW_INPUTS, ids=str
)

# Pipelines, and p-values over each measure whose products round a row by its batch.
DECIDING = [
    Case(name, make, changes={}, neighbors=False)
    for name, make in {
        "preset-tabular": make_outlier_detector,
        "preset-embedding": partial(make_outlier_detector, "embedding"),
        "preset-robust": partial(make_outlier_detector, robust=True),
        "Pipeline-whitened-MD": lambda: make_outlier_pipeline(
            PartialWhitener(0.5), MahalanobisOutlierDetector(), random_state=0
        ),
        **{
            f"Conformal-{method}-{type(detector).__name__}": partial(
                ConformalOutlierDetector, detector, method=method, random_state=0
            )
            for method in ("split", "cv+", "full")
            for detector in (
                KernelDensityOutlierDetector(),
                MahalanobisOutlierDetector(),
                LCPOutlierDetector(),
                LOFOutlierDetector(),
            )
        },
    }.items()
]


def _one_hot(rng, n):
    return np.hstack([np.eye(3)[rng.integers(0, 3, n)] for _ in range(3)])


def _copies(rng, n):
    return np.random.default_rng(9).normal(size=(20, 4))[rng.integers(0, 20, n)]


# They take logits of two classes, or the table's groups of columns.
NEED_TWO_COLUMNS = {
    *(
        "MSP",
        "MaxLogit",
        "Energy",
        "GEN",
        "KLMatching",
        "LayerEnsemble-KNN",
        "LayerEnsemble-LCP-locality",
    ),
    *("LayerEnsemble-MD", "FSSD-layers", "FSSD-sum", "MahalanobisLayers-groups"),
}

# tables in which many scores are equal, and one in which none are
TABLES = {
    "continuous": lambda rng, n: rng.normal(size=(n, 4)),
    "integer": lambda rng, n: rng.integers(1, 6, size=(n, 4)).astype(float),
    "tenths": lambda rng, n: rng.integers(1, 6, size=(n, 8)) / 10,
    "one-hot": _one_hot,
    "two-valued": lambda rng, n: np.where(rng.random((n, 5)) < 0.3, 0.1, 2.7),
    "two-valued column": lambda rng, n: np.where(rng.random((n, 1)) < 0.3, 0.1, 2.7),
    "copies": _copies,
}


def assert_one_call(methods, Q):
    """The answers to one row, and to seven rows at a time, are exactly those to all."""
    for method in methods:
        whole = method(Q)
        for size in (1, 7):
            parts = [method(Q[start : start + size]) for start in range(0, len(Q), size)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)


_X = {dtype: rows(300, 5, dtype=dtype) for dtype in (np.float32, np.float64)}
_FITTED: dict = {}


def fitted(case, dtype):
    key = case.name, dtype
    if key not in _FITTED:
        _FITTED[key] = case.make().fit(_X[dtype])
    return _FITTED[key]


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=6)
@given(seed=st.integers(0, 2**16))
def test_order_chunks_and_company_change_nothing(case, dtype, seed):
    detector = fitted(case, dtype)
    rng = np.random.default_rng(seed)
    # on a lattice rows tie at equal distances; far rows and training rows are in the batch too
    Q = np.vstack(
        [
            rng.normal(size=(40, 5)) * 3,
            np.round(rng.normal(size=(20, 5))) + 0.5,
            rng.normal(size=(3, 5)) * 1e6,
            _X[dtype][rng.integers(0, 300, 10)],
        ]
    ).astype(dtype)
    whole = detector.score_samples(Q)
    order = rng.permutation(len(Q))
    np.testing.assert_allclose(detector.score_samples(Q[order]), whole[order], rtol=1e-6)
    cuts = np.sort(rng.choice(np.arange(1, len(Q)), size=3, replace=False))
    parts = [detector.score_samples(part) for part in np.split(Q, cuts)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)
    row = int(rng.integers(len(Q)))
    np.testing.assert_allclose(detector.score_samples(Q[[row]]), whole[[row]], rtol=1e-6)


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lattice_ties_do_not_hang_on_the_batch(case, dtype):
    # integer rows: many neighbours at the same distance, and many equal rows
    rng = np.random.default_rng(1)
    X = rng.integers(1, 4, size=(400, 3)).astype(dtype)
    detector = case.make().fit(X)
    Q = rng.integers(1, 4, size=(60, 3)).astype(dtype)
    whole = detector.score_samples(Q)
    alone = np.concatenate([detector.score_samples(q[np.newaxis]) for q in Q])
    np.testing.assert_allclose(alone, whole, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + PIPELINES + RAW_INPUTS + DECIDING, ids=str
)
@pytest.mark.parametrize("table", TABLES)
def test_decisions_and_p_values_are_those_of_one_call(case, table):
    rng = np.random.default_rng(2)
    X = TABLES[table](rng, 120)
    if X.shape[1] == 1 and case.name in NEED_TWO_COLUMNS:
        pytest.skip("needs two columns")
    detector = case.make().fit(X)
    Q = np.vstack([TABLES[table](rng, 13), X[:8], rng.normal(size=(4, X.shape[1])) * 3])
    methods = [detector.predict, *([detector.p_values] if hasattr(detector, "p_values") else [])]
    assert_one_call(methods, Q)


@pytest.mark.parametrize(
    "detector",
    [
        KernelDensityOutlierDetector(),
        MahalanobisOutlierDetector(),
        MahalanobisOutlierDetector(relative=True),
        LCPOutlierDetector(),
        LOFOutlierDetector(),
    ],
    ids=lambda detector: str(detector).replace("OutlierDetector", ""),
)
@pytest.mark.parametrize("method", ["split", "cv+", "full", "gate"])
@pytest.mark.parametrize("table", ["integer", "one-hot", "two-valued column", "copies"])
def test_classes_change_nothing_in_that(detector, method, table):
    """P-values by each class, and the answers of a gate."""
    rng = np.random.default_rng(3)
    X, y = TABLES[table](rng, 150), np.arange(150) % 3
    Q = np.vstack([TABLES[table](rng, 12), X[:9], rng.normal(size=(5, X.shape[1])) * 3])
    if method == "gate":
        gate = OODGate(LogisticRegression(), detector, reject_label=-1).fit(X, y)
        methods = [gate.predict]
    else:
        how = {"method": method, "class_conditional": True, "random_state": 0}
        fitted = ConformalOutlierDetector(detector, alpha=0.1, **how).fit(X, y)
        methods = [fitted.predict, fitted.p_values]
    assert_one_call(methods, Q)


@pytest.mark.parametrize("covariance", ["ledoit_wolf", "empirical", "oas"])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("shape", ["few rows", "equal columns", "a constant column", "rank 1"])
@pytest.mark.filterwarnings("ignore:covariance=:UserWarning")
def test_a_singular_covariance_changes_nothing_in_that(shape, classes, covariance):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 4)) + 3.0
    if shape == "few rows":
        X = rng.normal(size=(24, 40))
    elif shape == "equal columns":
        X[:, 3] = X[:, 0]
    elif shape == "a constant column":
        X[:, 3] = 0.3
    else:
        X = X[:, :1] * [0.1, 0.7, -3.3, 1.9]
    X, Q = X[:-6], np.vstack([X[-6:], X[:3], X[:6] + 0.25 * rng.normal(size=(6, X.shape[1]))])
    detector = MahalanobisOutlierDetector(covariance=covariance)
    how = {"method": "full", "class_conditional": classes, "random_state": 0}
    fitted = ConformalOutlierDetector(detector, alpha=0.2, **how).fit(X, np.arange(len(X)) % 2)
    assert_one_call([fitted.predict, fitted.p_values], Q)


@pytest.mark.parametrize("case", DETECTORS + VARIANTS + RAW_INPUTS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_training_rows_are_scored_with_themselves_left_out(case, dtype, offset):
    X = (rows(80, 5, dtype=np.float64) + offset).astype(dtype)
    X[10:14] = X[5]  # copies count as neighbours of each other
    detector = case.make().fit(X)
    np.testing.assert_allclose(
        detector.score_samples(X), detector.training_scores_, rtol=1e-9, atol=1e-12
    )
    for row in (0, 5, 11):
        # The fitted state may hold more than neighbours (locality, for example). So only measures
        # of neighbours alone can be compared with a fit without the row.
        if getattr(detector, "locality", 0.0) or not case.neighbors:
            continue
        without = clone(detector).set_params(n_neighbors=detector.n_neighbors_)
        without.fit(np.delete(X, row, axis=0))
        np.testing.assert_allclose(
            without.index_.query(X[[row]], without.n_neighbors_).distances,
            detector.index_.query_training(detector.n_neighbors_, [row]).distances,
            rtol=1e-12,
        )
