"""Training rows in another float type than the fit's: the same scores, each row left out."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import skood
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.neighbors import ExactIndex
from skood.rows.rounded import RoundedRows

from ..detectors import (
    CALIBRATED,
    DETECTORS,
    PIPELINES,
    RAW_INPUTS,
    TRANSFORMERS,
    VARIANTS,
    Case,
    rows,
)

SCALERS = [
    StandardScaler(),
    MinMaxScaler(),
    RobustScaler(),
    QuantileTransformer(n_quantiles=100),
    PowerTransformer(),
]
LAST = [
    KNNOutlierDetector(),
    LCPOutlierDetector(locality=0.5),
    LOFOutlierDetector(),
    KernelDensityOutlierDetector(),
    MahalanobisOutlierDetector(),
]


def _plain(*steps):
    return make_pipeline(*map(clone, steps))


def _honest(*steps):
    return make_outlier_pipeline(*map(clone, steps), random_state=0)


BEHIND_STEPS = [
    *(
        Case(f"preset-{kind}", partial(make_outlier_detector, kind), {})
        for kind in ("tabular", "embedding")
    ),
    *(Case(f"scaled-{last}", partial(_plain, StandardScaler(), last), {}) for last in LAST),
    *(
        Case(f"{name}-{step}", partial(make, step, last), {})
        for name, make, last in (("plain", _plain, LAST[1]), ("honest", _honest, LAST[0]))
        for step in [*SCALERS, *(case.make() for case in TRANSFORMERS)]
    ),
    Case("honest-PCA", partial(_honest, StandardScaler(), PCA(3), LAST[0]), {}),
]
ALL = DETECTORS + VARIANTS + CALIBRATED + PIPELINES + RAW_INPUTS + BEHIND_STEPS

X = rows(300, 5) + np.array([0.0, 5.0, -3.0, 30.0, 0.0])
NARROW = X.astype(np.float32)


def assert_the_same(detector, given, scores, decisions, tolerance=1e-3):
    """Scores within a share of their spread; decisions, unless the score is at the threshold."""
    margin = tolerance * np.std(scores)
    np.testing.assert_allclose(detector.score_samples(given), scores, rtol=0, atol=margin)
    if hasattr(detector, "offset_"):
        sure = np.abs(scores - detector.offset_) > margin
        np.testing.assert_array_equal(np.asarray(detector.predict(given))[sure], decisions[sure])


@pytest.mark.arithmetic
@pytest.mark.parametrize("case", ALL, ids=str)
def test_training_rows_in_another_float_type(case):
    for fitted_in, asked_in in ((X, NARROW), (NARROW, X)):
        detector = case.make().fit(fitted_in)
        scores, decisions = detector.score_samples(fitted_in), detector.predict(fitted_in)
        assert_the_same(detector, asked_in, scores, decisions)
        alone = np.concatenate([detector.score_samples(row[np.newaxis]) for row in asked_in[:50]])
        np.testing.assert_allclose(alone, detector.score_samples(asked_in)[:50], rtol=1e-6)


FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcde")).astype(np.float32),
    "pandas, two columns": lambda X: pd.DataFrame(X, columns=list("abcde")).astype(
        {"a": np.float32, "d": np.float32}
    ),
    "pandas, nullable": lambda X: pd.DataFrame(X, columns=list("abcde")).astype("Float32"),
    "polars": lambda X: pl.DataFrame(dict(zip("abcde", X.astype(np.float32).T, strict=True))),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize(
    "make",
    [*(partial(clone, last) for last in LAST), make_outlier_detector],
    ids=[*map(str, LAST), "preset"],
)
def test_frames(kind, make):
    make_frame = pd.DataFrame if "pandas" in kind else pl.DataFrame
    wide = make_frame(dict(zip("abcde", X.T, strict=True)))
    detector = make().fit(wide)
    assert_the_same(detector, FRAMES[kind](X), detector.score_samples(wide), detector.predict(wide))


@pytest.mark.parametrize(
    "make",
    [*(partial(clone, last) for last in LAST), make_outlier_detector],
    ids=[*map(str, LAST), "preset"],
)
def test_saved_and_loaded(make, tmp_path):
    detector = make().fit(X)
    scores, decisions = detector.score_samples(X), detector.predict(X)
    detector.score_samples(NARROW)
    skood.save(detector, tmp_path / "detector.skood")
    copy = pickle.loads(pickle.dumps(detector))  # noqa: S301
    for other in (skood.load(tmp_path / "detector.skood"), copy):
        assert_the_same(other, NARROW, scores, decisions)


@pytest.mark.parametrize("last", [last for last in LAST if hasattr(last, "partial_fit")], ids=str)
def test_rows_that_came_later(last):
    detector = clone(last).fit(X[:200])
    detector.score_samples(NARROW)
    detector = clone(last).partial_fit(X[:200]) if not hasattr(last, "algorithm") else detector
    detector.partial_fit(X[200:])
    assert_the_same(detector, NARROW, detector.score_samples(X), detector.predict(X))


def test_tensors():
    torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
    for last in (LAST[0], LAST[1]):
        index = ExactIndex()
        detector = clone(last).set_params(algorithm=index).fit(torch.from_numpy(X))
        scores, decisions = detector.score_samples(X), detector.predict(X)
        assert_the_same(detector, torch.from_numpy(NARROW), scores, decisions)
        assert_the_same(detector, NARROW, scores, decisions)


@pytest.mark.parametrize("last", [LAST[0], LAST[3]], ids=str)
def test_chunks_and_shards(last):
    da = pytest.importorskip("dask.array", reason="dask (extra 'dask') is not installed")
    from skood.parallel import DaskOutlierDetector, ShardedIndex

    wide, narrow = (da.from_array(rows, chunks=(100, -1)) for rows in (X, NARROW))
    plain = clone(last).fit(X)
    scores, decisions = plain.score_samples(X), plain.predict(X)
    sharded = clone(last).set_params(algorithm=ShardedIndex()).fit(wide)
    assert_the_same(sharded, NARROW, scores, decisions)
    for detector in (DaskOutlierDetector(clone(last)).fit(wide), DaskOutlierDetector(sharded)):
        scored = np.asarray(detector.score_samples(narrow))
        np.testing.assert_allclose(scored, scores, rtol=0, atol=1e-3 * np.std(scores))


TABLES = {
    "integer": lambda rng: rng.integers(1900, 2030, size=(300, 4)),
    "few integers": lambda rng: rng.integers(1, 4, size=(300, 3)),
    "tenths": lambda rng: rng.integers(1, 6, size=(300, 8)) / 10,
    "one-hot": lambda rng: np.hstack([np.eye(3)[rng.integers(0, 3, 300)] for _ in range(3)]),
    "copies": lambda rng: rng.normal(size=(20, 4))[rng.integers(0, 20, 300)],
    "units": lambda rng: rng.normal(size=(300, 3)) * [1e-3, 1.0, 1e4] + [0, 2000, 0],
    "wide": lambda rng: rng.normal(size=(100, 768)),
    "one column": lambda rng: rng.normal(size=(300, 1)),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("last", LAST, ids=str)
def test_tables(table, scaled, last):
    table = TABLES[table](np.random.default_rng(5))
    detector = (_plain(StandardScaler(), last) if scaled else clone(last)).fit(table)
    scores, decisions = detector.score_samples(table), detector.predict(table)
    detector.offset_ = detector[-1].offset_ if scaled else detector.offset_
    assert_the_same(detector, table.astype(np.float32), scores, decisions, tolerance=5e-3)


@pytest.mark.parametrize("last", LAST, ids=str)
@pytest.mark.parametrize("d", [2, 5, 64])
def test_new_rows_are_no_training_rows(last, d):
    detector = clone(last).fit(rows(1000, d))
    new = rows(1000, d, seed=1)
    scores = detector.score_samples(new)
    assert_the_same(detector, new.astype(np.float32), scores, detector.predict(new))


@pytest.mark.parametrize("last", LAST, ids=str)
def test_in_the_type_of_the_fit_a_step_of_rounding_makes_another_row(last):
    detector = clone(last).fit(X)
    moved = np.nextafter(X, np.inf)
    as_a_new_row = detector.score_samples(X + 1e-9)
    np.testing.assert_allclose(detector.score_samples(moved), as_a_new_row, rtol=1e-5)
    assert (np.abs(detector.score_samples(X) - as_a_new_row) > 1e-3).mean() > 0.5


def test_the_first_of_equal_rows_is_found():
    copies = X.copy()
    copies[40:44] = X[4]
    rounded, narrow = RoundedRows(copies), copies.astype(np.float32)
    np.testing.assert_array_equal(rounded.find(narrow)[[4, 40, 41, 42, 43]], 4)
    others = np.setdiff1d(np.arange(300), [40, 41, 42, 43])
    np.testing.assert_array_equal(rounded.find(narrow)[others], others)
    assert (rounded.find(rows(300, 5, seed=1)) == -1).all()
    both = RoundedRows(copies[:100]).merged(RoundedRows(copies[100:]))
    np.testing.assert_array_equal(both.find(narrow), rounded.find(narrow))
