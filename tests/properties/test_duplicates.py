"""Ties, duplicates, constant columns, extreme units and far rows: finite, in the right order."""

from __future__ import annotations

import numpy as np
import pytest

from ..detectors import CALIBRATED, DETECTORS, VARIANTS, rows

everything = pytest.mark.parametrize("case", DETECTORS + VARIANTS + CALIBRATED, ids=str)


def _euclidean(case):
    detector = case.make()
    metric = getattr(detector, "metric", "euclidean")
    return metric == "euclidean" and not getattr(detector, "normalize", False)


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_row_many_times(case, dtype):
    X = np.repeat(rows(6, dtype=dtype), 40, axis=0)
    detector = case.make().fit(X)
    assert np.isfinite(detector.training_scores_).all()
    far = rows(5, seed=1, dtype=dtype)
    far[:, 0] += 20
    assert np.isfinite(detector.score_samples(far)).all()
    if case.falls_with_distance:
        assert (detector.score_samples(far) < detector.training_scores_.min()).all()


@everything
def test_all_rows_equal(case):
    X = np.ones((40, 3))
    detector = case.make().fit(X)
    assert np.isfinite(detector.training_scores_).all()
    assert (detector.predict(X) == 1).all()
    near, far = detector.score_samples([[1.0, 1.0, 1.01], [1.0, 1.0, 3.0]])
    assert np.isfinite([near, far]).all()
    if case.falls_with_distance:
        assert detector.training_scores_[0] > near > far


@everything
def test_constant_columns_change_nothing(case):
    if not _euclidean(case):
        pytest.skip("a constant column changes the angle between rows")
    if not case.constant_columns:
        pytest.skip("the score is a density, which depends on the number of columns")
    X, Q = rows(), rows(15, seed=1)
    padded = [np.hstack([A, np.full((len(A), 2), 7.0)]) for A in (X, Q)]
    np.testing.assert_allclose(
        case.make().fit(padded[0]).score_samples(padded[1]),
        case.make().fit(X).score_samples(Q),
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    "case", [c for c in DETECTORS + VARIANTS + CALIBRATED if c.any_scale], ids=str
)
@pytest.mark.parametrize(
    ("dtype", "unit"),
    [(np.float64, 1e-150), (np.float64, 1e150), (np.float32, 1e-30), (np.float32, 1e30)],
)
def test_any_unit_keeps_the_order(case, dtype, unit):
    X, Q = rows(), np.vstack([rows(15, seed=1), rows(5, seed=2) * 10])
    plain = case.make().fit(X).score_samples(Q)
    # float32 rows are rounded after the change of unit, so their order is that of the rounded rows
    detector = case.make().fit((X * unit).astype(dtype))
    scores = detector.score_samples((Q * unit).astype(dtype))
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(np.argsort(scores), np.argsort(plain))


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_rows_score_lower_the_further_they_are(case, dtype):
    if not _euclidean(case):
        pytest.skip("the angle does not feel how far a row is")
    detector = case.make().fit(rows(dtype=dtype))
    powers = [1, 3, 8, 20, 36] if dtype is np.float32 else [1, 3, 8, 20, 60, 150]
    Q = np.array([[10.0**p, -(10.0**p), 0, 0] for p in powers]).astype(dtype)
    scores = detector.score_samples(Q)
    assert np.isfinite(scores).all()
    if case.falls_with_distance:
        assert (np.diff(scores) < 0).all()
        assert (detector.predict(Q) == -1).all()


@everything
def test_one_far_training_row_does_not_hide_the_others(case):
    X = np.vstack([rows(), [[1e6, -1e6, 1e6, 1e6]]]).astype(np.float32)
    Q = rows(15, seed=1, dtype=np.float32)
    wide = case.make().fit(X.astype(np.float64)).score_samples(Q.astype(np.float64))
    np.testing.assert_allclose(case.make().fit(X).score_samples(Q), wide, rtol=1e-5, atol=1e-6)
