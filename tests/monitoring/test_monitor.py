"""ConformalMonitor: silent without a change, and says what changed, since when, in which column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

import skood
from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
)
from skood.monitoring import ConformalMonitor

MIX = np.random.default_rng(9).normal(size=(8, 8))


def rows(n: int, rng: np.random.Generator) -> np.ndarray:
    """Eight correlated columns."""
    return rng.normal(size=(n, 8)) @ MIX


def fitted(seed: int = 0, n: int = 600, **parameters) -> ConformalMonitor:
    detector = make_outlier_detector("tabular-fast")
    monitor = ConformalMonitor(detector, random_state=seed, **parameters)
    return monitor.fit(rows(n, np.random.default_rng(1_000 + seed)))


def test_no_alarm_without_a_change():
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        monitor = ConformalMonitor(MahalanobisOutlierDetector(), alpha=0.1, random_state=seed)
        monitor.fit(rng.normal(size=(200, 3)))
        for _ in range(5):
            monitor.update(rng.normal(size=(200, 3)))
        alarms += monitor.alarm_
        assert monitor.n_seen_ == 1_000
    assert alarms <= 8  # 3 expected at most


def _stuck(X, typical, rng):
    X[:] = typical[0]


def _stuck_column(X, typical, rng):
    X[:, 3] = 0.0


def _too_typical(X, typical, rng):
    half = rng.random(len(X)) < 0.5
    X[half] = typical[rng.integers(len(typical), size=half.sum())]


def _shifted_column(X, typical, rng):
    X[:, 3] += 4.0


def _new_class(X, typical, rng):
    few = rng.random(len(X)) < 0.1
    X[few] = rng.normal(8.0, 1.0, size=(few.sum(), 8))


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (_stuck, None),
        (_stuck_column, "x3"),
        (_too_typical, None),
        (_shifted_column, "x3"),
        (_new_class, None),
    ],
)
def test_each_kind_of_change_is_found_within_three_batches(change, column):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        monitor = fitted(seed)
        others = rows(2_000, rng)
        typical = others[np.argsort(-monitor.detector_.score_samples(others))[:200]]
        for _ in range(5):
            monitor.update(rows(200, rng))
        assert not monitor.alarm_
        for _ in range(3):
            X = rows(200, rng)
            change(X, typical, rng)
            monitor.update(X)
        assert monitor.alarm_
        since = monitor.since_
        assert abs(since.row - 1_000) <= 100
        assert since.earliest <= since.row <= since.latest
        if column is not None:
            assert monitor.changes()["column"][0] == column


def test_updates_say_what_they_found():
    monitor, rng = fitted(), np.random.default_rng(0)
    first, second = monitor.update(rows(50, rng)), monitor.update(rows(30, rng) + 20)
    assert (first.first_row, first.n_rows, second.first_row) == (0, 50, 50)
    assert not first.alarm
    assert second.alarm
    assert second.flagged.all()
    assert np.array_equal(second.flagged, second.p_values <= 0.05)
    assert monitor.n_flagged_ == first.flagged.sum() + 30
    assert second.e_value == monitor.e_value_ >= 100
    assert not monitor.update(rows(30, rng)).alarm  # it was raised before
    assert monitor.alarm_
    expected = monitor.detector_.p_values(rows(5, rng), random_ties=False)
    assert monitor.reset().update(rows(5, np.random.default_rng(0))).n_rows == len(expected)
    assert not monitor.alarm_


def test_p_values_and_scores_are_those_of_the_detector():
    monitor, X = fitted(), rows(40, np.random.default_rng(3))
    update = monitor.update(X)
    assert np.array_equal(update.scores, monitor.detector_.score_samples(X))
    assert np.array_equal(update.p_values, monitor.detector_.p_values(X, random_ties=False))
    assert np.array_equal(np.where(update.flagged, -1, 1), monitor.detector_.predict(X))


def test_any_batches_give_the_same_as_single_rows():
    rng = np.random.default_rng(5)
    X = np.vstack([rows(150, rng), rows(60, rng) + 5 * np.eye(8)[3]])
    whole, parts, single = fitted(), fitted(), fitted()
    whole.update(X)
    for start, stop in ((0, 7), (7, 149), (149, 210)):
        parts.update(X[start:stop])
    for row in X:
        single.update(row[np.newaxis])
    assert whole.alarm_
    for other in (parts, single):
        assert other.alarms_[0]["row"] == whole.alarms_[0]["row"]
        assert np.isclose(other.e_value_, whole.e_value_, rtol=1e-6)
        assert other.since_ == whole.since_
        pd.testing.assert_frame_equal(other.history_, whole.history_, rtol=1e-6)


def test_it_goes_on_bit_for_bit_after_saving(tmp_path):
    rng = np.random.default_rng(6)
    for parameters in (
        {"control": "online-fdr"},
        {"average_run_length": 2_000},
        {"alert_budget": (3, "1h")},
    ):
        monitor = fitted(**parameters)
        times = pd.date_range("2026-03-01", periods=600, freq="min", tz="Europe/Berlin")
        monitor.update(rows(300, rng), times[:300])
        skood.save(monitor, tmp_path / "monitor.skood")
        again = skood.load(tmp_path / "monitor.skood")
        X = rows(300, rng) + np.linspace(0, 3, 300)[:, np.newaxis]
        one, other = monitor.update(X, times[300:]), again.update(X, times[300:])
        assert monitor.alarm_
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a, b)
        assert again.alarms_ == monitor.alarms_
        assert again.since_ == monitor.since_
        pd.testing.assert_frame_equal(again.history_, monitor.history_)
        pd.testing.assert_frame_equal(again.changes(), monitor.changes())
        assert again.strangest() == monitor.strangest()


def test_a_frame_with_categories():
    rng = np.random.default_rng(7)

    def frame(n, cities=("Oslo", "Rome", "Lima")):
        return pd.DataFrame(
            {
                "pressure": rng.normal(5, 1, n),
                "city": rng.choice(cities, n),
                "flow": rng.exponential(size=n),
            }
        )

    monitor = ConformalMonitor(make_outlier_detector("tabular-fast"), random_state=0)
    monitor.fit(frame(600))
    monitor.update(frame(400))
    assert not monitor.alarm_
    start = pd.Timestamp("2026-11-03 08:00")
    monitor.update(
        frame(200).assign(pressure=lambda f: f["pressure"] + 2),
        timestamps=start + pd.to_timedelta(np.arange(200), "min"),
    )
    assert monitor.alarms_[0]["stream"] == "pressure"
    changes = monitor.changes()
    assert changes["column"][0] == "pressure"
    assert changes["p_value"][0] < 1e-6 < 0.01 < changes["p_value"][1]
    assert changes["share"].abs().idxmax() == 0
    assert "median 5" in changes["usual"][0] or "median 4.9" in changes["usual"][0]
    assert "median 6.9" in changes["now"][0] or "median 7" in changes["now"][0]
    assert monitor.since_.row - 400 < 40
    strange = monitor.strangest(3)
    assert len(strange) == 3
    assert strange[0]["score"] == min(row["score"] for row in strange)
    assert "pressure" in strange[0]["reasons"]
    explained = skood.explain(monitor.detector_, monitor._stream.latest()[0])
    place = strange[0]["row"] - monitor.since_.row
    assert strange[0]["neighbors"] == explained.neighbors.indices[place].tolist()
    monitor.reset()
    monitor.update(frame(200, cities=("Oslo", "Rome", "Lima", "Bonn")))
    assert monitor.changes()["column"][0] == "city"


def test_a_fitted_conformal_detector_needs_no_rows():
    rng = np.random.default_rng(8)
    detector = ConformalOutlierDetector(KNNOutlierDetector(), random_state=0).fit(rows(400, rng))
    monitor = ConformalMonitor.from_fitted(detector, alpha=0.05, random_state=0)
    assert monitor.detector_ is detector
    monitor.update(rows(100, rng))
    monitor.update(rows(200, rng) + 6)
    assert monitor.alarm_
    assert len(monitor.changes()) == 8
    frozen = ConformalMonitor(FrozenEstimator(KNNOutlierDetector().fit(rows(300, rng))))
    assert len(frozen.fit(rows(300, rng)).detector_.training_scores_) == 300


@pytest.mark.parametrize("parameters", [{"average_run_length": 500}])
def test_renewed_alarms_come_again_and_seldom_without_a_change(parameters):
    n_alarms = n_rows = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        monitor = ConformalMonitor(MahalanobisOutlierDetector(), random_state=seed, **parameters)
        monitor.fit(rng.normal(size=(300, 2)))
        monitor.update(rng.normal(size=(1_500, 2)))
        n_alarms, n_rows = n_alarms + len(monitor.alarms_), n_rows + 1_500
        before = len(monitor.alarms_)
        monitor.update(rng.normal(size=(200, 2)) + 2)
        assert len(monitor.alarms_) > before + 1
        assert all(alarm["since"].row <= alarm["row"] for alarm in monitor.alarms_)
    assert n_alarms <= 2 * n_rows / 500


def test_clone_has_the_parameters_alone():
    monitor = fitted(alpha=0.02)
    again = clone(monitor)
    assert again.get_params()["alpha"] == 0.02
    assert not hasattr(again, "detector_")


@pytest.mark.parametrize("parameters", [{"columns": False}, {"window": 0}])
def test_parts_can_be_left_out(parameters):
    monitor, rng = fitted(**parameters), np.random.default_rng(0)
    monitor.update(rows(100, rng) + 9)
    assert monitor.alarm_
    assert len(monitor.changes()) == (0 if parameters else 8)
    assert bool(monitor.column_e_values_) == ("window" in parameters)
    assert len(monitor.strangest()) == (5 if "columns" in parameters else 0)
