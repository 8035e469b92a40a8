"""ColumnBins: columns as bins, and an exact test of each."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.stats import hypergeom
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skood
from skood import ConformalOutlierDetector, KNNOutlierDetector
from skood.calibration._bin_test import bin_p_values, holm, share_p_values
from skood.calibration.column_bins import MISSING, N_BINS, ColumnBins


def _frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "pressure": rng.normal(size=n),
            "size": rng.integers(0, 5, n),
            "colour": rng.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1]),
            "number": np.arange(n),
            "day": pd.date_range("2020-01-01", periods=n),
            "open": rng.random(n) < 0.3,
            "constant": 1.0,
            "note": [f"text {i}" for i in range(n)],
        }
    )
    frame.loc[::7, "pressure"] = np.nan
    return frame


def test_numbers_fall_on_cuts_and_between_them():
    column = np.tile([1.0, 2.0, 5.0], 20)[:, np.newaxis]
    bins = ColumnBins.of(column, column[:6])
    cells = np.array([[-np.inf], [0.9], [1.0], [1.5], [2.0], [5.0], [1e300], [np.nan]])
    assert bins.codes(cells).ravel().tolist() == [0, 0, 1, 2, 3, 5, 6, MISSING]
    assert bins.counts[0, [1, 3, 5]].tolist() == [2, 2, 2]
    assert bins.usual == ("median 2, 1 to 5",)


def test_bins_of_many_numbers_have_much_the_same_counts():
    X = np.random.default_rng(0).normal(size=(6000, 3)).astype(np.float32)
    bins = ColumnBins.of(X[:2000], X[2000:])
    assert bins.counts.shape == (3, N_BINS)
    assert bins.codes(X).dtype == np.uint8
    between = bins.counts[:, 0:31:2]
    assert between.min() > 4000 / 16 * 0.6
    assert between.sum() + 45 >= bins.counts.sum()
    alone = np.vstack([bins.codes(X[i : i + 1]) for i in range(50)])
    assert np.array_equal(alone, bins.codes(X[:50]))


def test_frames_of_all_kinds_have_the_same_bins():
    frame = _frame()
    expected = ColumnBins.of(frame[:200], frame[200:])
    assert expected.names == ("pressure", "size", "colour", "open", "constant")
    assert expected.usual[2].startswith("'red' 6")
    assert expected.usual[4] == "always 1"
    categories = frame.astype({"colour": "category", "size": "Int64"})
    others = [pl.from_pandas(frame), pa.Table.from_pandas(frame), categories]
    for other in [*others, pa.Table.from_pandas(categories)]:
        bins = ColumnBins.of(other[:200], other[200:])
        assert (bins.names, bins.usual) == (expected.names, expected.usual)
        assert np.array_equal(bins.counts, expected.counts)
        assert np.array_equal(bins.codes(other), expected.codes(frame))


def test_unknown_and_missing_categories_have_bins():
    frame = _frame()[["colour", "open"]]
    bins = ColumnBins.of(frame, frame)
    new = pd.DataFrame({"colour": ["red", "pink", None], "open": [True, None, False]})
    assert bins.codes(new).tolist() == [[0, 1], [31, MISSING], [MISSING, 0]]


def test_what_is_no_table_has_no_bins():
    X = np.random.default_rng(0).normal(size=(60, 4))
    for rows in (X.reshape(60, 2, 2), X.tolist(), pl.Series([1.0]), X[:, :0]):
        assert ColumnBins.of(rows, rows) is None
    assert ColumnBins.of(np.arange(60.0)[:, np.newaxis], X) is None  # a counter


def test_tails_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = rng.integers(2, 500)
        m, marked = rng.integers(1, n, size=2)
        k = hypergeom.rvs(n, marked, m, random_state=rng)
        tails = hypergeom.cdf(k, n, marked, m), hypergeom.sf(k - 1, n, marked, m)
        given = [np.array([float(v)]) for v in (k, marked, m, n)]
        assert share_p_values(*given)[0] == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-6)


@pytest.mark.parametrize("ordered", [True, False])
def test_false_alarms_over_all_batches_of_three(ordered):
    """All rows exchangeable: at most a share alpha of the p-values is alpha or less."""
    codes, p_values = np.array([0, 0, 1, 2, 2, 2, 4, 32, 32]), []
    for batch in combinations(range(len(codes)), 3):
        counts = [
            np.bincount(some, minlength=N_BINS)[np.newaxis]
            for some in (codes[list(batch)], np.delete(codes, batch))
        ]
        p_values.append(bin_p_values(*counts, [ordered])[0])
    values = np.array(p_values)
    assert all(np.mean(values <= p) <= p + 1e-9 for p in values)
    assert values.min() < 1


def test_holm():
    assert holm(np.array([0.01, 0.2, 0.015])).tolist() == pytest.approx([0.03, 0.2, 0.03])


def test_a_stuck_column_among_eight_is_named():
    rng = np.random.default_rng(0)
    detector = ConformalOutlierDetector(KNNOutlierDetector(), random_state=0)
    detector.fit(rng.normal(size=(1000, 8)))
    batch = rng.normal(size=(200, 8))
    bins = detector._columns
    assert bins.counts.sum(axis=1).tolist() == [250] * 8
    assert bins.adjusted(bins.count(batch)).min() > 0.05
    batch[:, 5] = 0.0
    adjusted = bins.adjusted(bins.count(batch))
    assert adjusted[5] < 1e-20
    assert np.delete(adjusted, 5).min() > 0.05


def test_a_detector_keeps_and_saves_them(tmp_path):
    frame = _frame()
    steps = make_column_transformer((StandardScaler(), ["size", "constant"]))
    detector = ConformalOutlierDetector(make_pipeline(steps, KNNOutlierDetector()), random_state=0)
    detector.fit(frame)
    skood.save(detector, tmp_path / "d.skood")
    loaded = skood.load(tmp_path / "d.skood")._columns
    assert loaded.names == detector._columns.names
    assert loaded.usual == detector._columns.usual
    assert np.array_equal(loaded.counts, detector._columns.counts)
    assert np.array_equal(loaded.codes(frame), detector._columns.codes(frame))
    X = np.random.default_rng(0).normal(size=(80, 2))
    frozen = ConformalOutlierDetector(FrozenEstimator(KNNOutlierDetector().fit(X)))
    assert frozen.fit(X + 0.1)._columns.counts.sum(axis=1).tolist() == [60, 60]
    mapped = np.memmap(tmp_path / "x", mode="w+", shape=X.shape)
    mapped[:] = X
    detector.set_params(detector=KNNOutlierDetector())
    assert detector.fit(mapped)._columns is None
    assert not hasattr(detector.set_params(method="full").fit(X), "_columns")
