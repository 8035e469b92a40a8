"""Units never change a ranking, also where the squares of values leave the range of float64."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skood import KNNOutlierDetector, TableScaler, make_outlier_detector, make_outlier_pipeline
from skood.cli import main

FACTORS = [1e155, 1e200, 1e300, 1e-155, 1e-170, 1e-300]
RANDOM = np.random.default_rng(0)
X, NEW = RANDOM.normal(size=(60, 3)), RANDOM.normal(size=(12, 3))
NEW[3, 0] = 9.0


def units_of(factor):
    return [[factor, 1.0, 1.0], [factor] * 3, [factor, 1.0 / factor, 1.0]]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame])
def test_scaled_values_have_no_unit(factor, frame):
    expected = TableScaler().fit(X).transform(NEW)
    for unit in units_of(factor):
        scaler = TableScaler().fit(frame(X * unit))
        np.testing.assert_allclose(scaler.transform(frame(NEW * unit)), expected, rtol=1e-9)


@pytest.mark.parametrize("factor", FACTORS)
def test_columns_beside_text(factor):
    def rows(values):
        frame = pd.DataFrame(values * [factor, 1.0, 1.0], columns=list("abc"))
        return frame.assign(colour=["red", "blue"] * (len(frame) // 2))

    scaled = TableScaler().fit(rows(X)).transform(rows(NEW))
    np.testing.assert_allclose(scaled[:, :3], TableScaler().fit(X).transform(NEW), rtol=1e-9)


@pytest.mark.parametrize("factor", [1e160, 1e300, 1e-300])
@pytest.mark.parametrize("kind", ["tabular", "embedding"])
def test_the_presets_rank_as_in_usual_units(factor, kind):
    usual = make_outlier_detector(kind).fit(X)
    units = units_of(factor) if kind == "tabular" else [[factor] * 3]  # it compares columns
    for unit in units:
        detector = make_outlier_detector(kind).fit(X * unit)
        scores = detector.score_samples(NEW * unit)
        assert np.argsort(scores).tolist() == np.argsort(usual.score_samples(NEW)).tolist()
        assert detector.predict(NEW * unit).tolist() == usual.predict(NEW).tolist()


@pytest.mark.filterwarnings("ignore:A few values rule")
@pytest.mark.parametrize("cell", [1e155, 1e200, -1.7e308])
@pytest.mark.parametrize("kind", ["tabular", "embedding"])
def test_a_single_cell(cell, kind):
    dirty, new = X.copy(), NEW.copy()
    dirty[5, 1], new[6, 1] = cell, cell
    for training in (X, dirty):
        scores = make_outlier_detector(kind).fit(training).score_samples(new)
        assert np.isfinite(scores).all()
        if kind == "tabular":  # the other divides rows by their length
            assert 6 in np.argsort(scores)[:2]  # the training row with the same cell is near
    tiny = make_outlier_pipeline(TableScaler(), KNNOutlierDetector()).fit(X * 1e-300)
    assert np.argmin(tiny.score_samples(new)) == 6


def test_a_file(tmp_path):
    for name, rows in {"train": X, "new": NEW}.items():
        frame = pd.DataFrame(rows * [1e200, 1.0, 1e-170], columns=list("abc"))
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        np.save(tmp_path / f"{name}.npy", frame.to_numpy())
    for ending in ("csv", "npy"):
        files = ["--train", tmp_path / f"train.{ending}", "--new", tmp_path / f"new.{ending}"]
        options = ["--output", tmp_path / "out.csv", "--alpha", "none", "--quiet"]
        assert main(["detect", *map(str, [*files, *options])]) == 0
        assert pd.read_csv(tmp_path / "out.csv")["score"].idxmin() == 3


@pytest.mark.parametrize("later", [1.0, 1e200, 1e-200, 1e300])
@pytest.mark.parametrize("first", [1.0, 1e200, 1e-300])
@pytest.mark.parametrize("options", [{}, {"with_mean": False}, {"with_std": False}])
def test_more_rows_give_the_scales_of_all(first, later, options):
    one, two = X[:25] * [first, 1.0, 0.0], X[25:] * [later, 1.0, 0.0]
    one[3, 0] = np.nan
    parts = TableScaler(**options).partial_fit(one).partial_fit(two[:9]).partial_fit(two[9:])
    whole = TableScaler(**options).fit(np.vstack([one, two]))
    np.testing.assert_allclose(parts.mean_, whole.mean_, rtol=1e-9, atol=1e-15)
    if parts.scale_ is not None:
        np.testing.assert_allclose(parts.scale_, whole.scale_, rtol=1e-9)
        weighted = TableScaler(**options).partial_fit(one, sample_weight=np.ones(len(one)))
        weighted.partial_fit(two, sample_weight=np.ones(len(two)))
        np.testing.assert_allclose(weighted.scale_, whole.scale_, rtol=1e-9)
