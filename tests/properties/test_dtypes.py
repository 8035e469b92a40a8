"""Allowed types of input, and the types and names that estimators keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ..detectors import CALIBRATED, DETECTORS, RAW_INPUTS, VARIANTS, rows

everything = pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + RAW_INPUTS, ids=str
)
detectors = pytest.mark.parametrize("case", DETECTORS + CALIBRATED + RAW_INPUTS, ids=str)


def _arrays(value, seen=None):
    """All arrays that an object holds, at any depth."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays(item, seen)
    elif isinstance(value, dict):
        yield from _arrays(list(value.values()), seen)
    elif hasattr(value, "__dict__"):
        for item in vars(value).values():
            yield from _arrays(item, seen)


@everything
def test_float32_rows_stay_float32_and_are_held_once(case):
    X = rows(500, 16, dtype=np.float32)
    detector = case.make().fit(X)
    large = [a for a in _arrays(detector) if a.size >= X.size]
    assert all(a.dtype == np.float32 for a in large)
    copies = {id(a) for a in large if a.shape == X.shape and a is not X}
    assert len(copies) <= (1 if getattr(detector, "metric", "") == "cosine" else 0)
    wide = detector.score_samples(rows(9, 16, seed=1, dtype=np.float32))
    assert wide.dtype == np.float64


@everything
def test_float32_and_float64_agree(case):
    X, Q = rows(200, 6, dtype=np.float32), rows(30, 6, seed=1, dtype=np.float32)
    narrow = case.make().fit(X).score_samples(Q)
    wide = case.make().fit(X.astype(np.float64)).score_samples(Q.astype(np.float64))
    np.testing.assert_allclose(narrow, wide, rtol=1e-5, atol=1e-6)


@detectors
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16, bool])
def test_other_numbers_become_float64(case, dtype):
    X = (rows() * 3 + 10).astype(dtype)
    if dtype is bool:
        X = rows() > 1
        X[:, 0] |= ~X.any(axis=1)
    scores = case.make().fit(X).score_samples(X)
    np.testing.assert_array_equal(scores, case.make().fit(X.astype(float)).score_samples(X))


@detectors
@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_names_are_stored_and_checked(case, make_frame):
    X = rows(dtype=np.float64)
    names = ["a", "b", "c", "d"]
    frame = make_frame(dict(zip(names, X.T, strict=True)))
    detector = case.make().fit(frame)
    assert list(detector.feature_names_in_) == names
    np.testing.assert_allclose(
        detector.score_samples(frame), case.make().fit(X).score_samples(X), rtol=1e-12
    )
    swapped = make_frame({name: frame[name] for name in ["b", "a", "c", "d"]})
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        detector.score_samples(swapped)
    renamed = make_frame(dict(zip(["a", "b", "c", "z"], X.T, strict=True)))
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*z"):
        detector.predict(renamed)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        detector.predict(X)


@detectors
def test_fortran_order_lists_and_read_only_arrays(case):
    X, Q = rows(), rows(9, seed=1)
    expected = case.make().fit(X).score_samples(Q)
    frozen = X.copy()
    frozen.flags.writeable = False
    for form in (np.asfortranarray(X), X.tolist(), frozen, np.repeat(X, 2, axis=0)[::2]):
        np.testing.assert_array_equal(case.make().fit(form).score_samples(Q.tolist()), expected)
