"""Columns of objects and of other machines: numbers where they are some, or one sentence."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from skood import TableScaler, make_outlier_detector

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.integers(0, 50, 40) / 8


def frame_of(values):
    return pd.DataFrame({"c": list("xy") * 20, "v": values})


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS.astype(">f8"),
        NUMBERS.astype(">f4"),
        [Decimal(str(v)) for v in NUMBERS],
        [Fraction(v) for v in NUMBERS],
        [Fraction(v) if v % 1 else int(v) for v in NUMBERS],
        [Decimal(str(v)) if v < 3 else v for v in NUMBERS],
        [np.float32(v) for v in NUMBERS],
        [str(v) if v < 3 else v for v in NUMBERS],
    ],
)
def test_numbers_of_any_type(values):
    expected = TableScaler().fit(frame_of(NUMBERS)).transform(frame_of(NUMBERS))
    scaled = TableScaler().fit(frame_of(values)).transform(frame_of(values))
    np.testing.assert_allclose(scaled, expected)
    gaps = pd.Series(values, dtype=object)
    gaps[[1, 2]] = [None, pd.NA]
    scaler = TableScaler(missing="median").fit(frame_of(gaps))
    assert scaler.schema_[1].missing == 0.05


@pytest.mark.parametrize("dtype", [">f8", ">i4", ">u2"])
def test_the_byte_order_of_other_machines(dtype):
    values = RANDOM.integers(0, 50, (40, 2))
    frame = pd.DataFrame({"a": values[:, 0].astype(dtype), "b": values[:, 1].astype(dtype)})
    scores = make_outlier_detector("tabular").fit(frame).score_samples(frame)
    usual = make_outlier_detector("tabular").fit(frame.astype(float))
    np.testing.assert_allclose(scores, usual.score_samples(frame.astype(float)))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (Decimal("Infinity"), r"X has infinite values \(1 in 'v'\)"),
        (10**400, r"X has infinite values \(1 in 'v'\)"),
        (Decimal("sNaN"), "'v' has a signalling NaN"),
        (b"x", "'v' has values of the type bytes, float"),
        ([1.0], "'v' has values of the type float, list"),
        ("x", r"'v' has text where numbers belong, first in row 4 \('x'\)"),
    ],
)
def test_what_is_no_number_is_one_sentence(odd, message):
    values = [
        *(float(v) if isinstance(odd, (bytes, list, str)) else Decimal(str(v)) for v in NUMBERS)
    ]
    values[3] = odd
    with pytest.raises(ValueError, match=message) as caught:
        TableScaler().fit(frame_of(pd.Series(values, dtype=object)))
    assert "\n" not in str(caught.value)
