"""What people bring: bad batches, rows in blocks, months of rows."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skood
from skood import ConformalOutlierDetector, KNNOutlierDetector, make_outlier_detector
from skood.monitoring import ConformalMonitor
from skood.monitoring._row_window import RowWindow
from skood.monitoring._segments import Segments


def _frame(n, rng):
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.exponential(size=n)})


@pytest.fixture
def monitor():
    rng = np.random.default_rng(0)
    one = ConformalMonitor(make_outlier_detector("tabular-fast"), random_state=0)
    one.fit(_frame(300, rng))
    times = pd.date_range("2026-01-01", periods=50, freq="h")
    one.update(_frame(50, rng), times)
    return one


def _state(monitor):
    return monitor.n_seen_, monitor.e_value_, len(monitor.history_), monitor.strangest(3)


@pytest.mark.parametrize(
    ("rows", "times", "said"),
    [
        (lambda rng: _frame(5, rng)[["a"]], None, "b"),
        (lambda rng: _frame(5, rng).assign(b="x"), None, "b"),
        (lambda rng: _frame(5, rng).assign(a=np.nan), None, "a"),
        (lambda rng: _frame(5, rng), ["2026-01-01"] * 5, "go back at row 0"),
        (lambda rng: _frame(5, rng), ["2027-01-01"] * 4, "timestamps"),
        (lambda rng: _frame(2, rng), ["2027-01-02", "2027-01-01"], "go back at row 1"),
        (lambda rng: _frame(2, rng), ["2027-01-02", "yesterday"], "timestamps"),
        (lambda rng: _frame(2, rng), [1, 2], "timestamps"),
        (lambda rng: _frame(2, rng), pd.to_datetime(["2027-01-02", None]), "no time for row 1"),
    ],
)
def test_a_bad_batch_is_named_and_does_not_count(monitor, rows, times, said):
    before, rng = _state(monitor), np.random.default_rng(1)
    twin = copy.deepcopy(monitor)
    with pytest.raises(ValueError, match=said):
        monitor.update(rows(rng), times)
    assert _state(monitor) == before
    good = _frame(20, rng)
    assert monitor.update(good).e_value == twin.update(good).e_value


def test_a_bad_block_takes_all_blocks_back(monitor):
    rng = np.random.default_rng(1)
    before = _state(monitor)
    bad = _frame(20_000, rng)
    bad.loc[19_999, "a"] = np.nan
    with pytest.raises(ValueError, match="a"):
        monitor.update(bad)
    assert _state(monitor) == before


def test_rows_of_dask_and_on_disk_come_in_blocks(tmp_path):
    da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
    rng = np.random.default_rng(2)
    X = rng.normal(size=(1_000, 3))
    fit_rows = rng.normal(size=(300, 3))
    one = ConformalMonitor(KNNOutlierDetector(), random_state=0).fit(fit_rows)
    others = [copy.deepcopy(one) for _ in range(3)]
    expected = one.update(X)
    np.save(tmp_path / "rows.npy", X)
    for other, rows in zip(
        others,
        (
            da.from_array(X, chunks=(300, 2)),
            skood.open_rows(tmp_path / "rows.npy"),
            np.load(tmp_path / "rows.npy", mmap_mode="r"),
        ),
        strict=True,
    ):
        update = other.update(rows)
        assert np.allclose(update.scores, expected.scores)
        assert np.isclose(update.e_value, expected.e_value)
    names = ["a", "b", "c"]
    table = ConformalMonitor(KNNOutlierDetector(), random_state=0)
    table.fit(pd.DataFrame(fit_rows, columns=names))
    parts = dd.from_pandas(pd.DataFrame(X, columns=names), npartitions=4)
    assert np.isclose(table.update(parts).e_value, expected.e_value)


def test_times_of_many_kinds(monitor):
    rng = np.random.default_rng(3)
    twin = copy.deepcopy(monitor)
    X = _frame(3, rng)
    for times in (
        ["2026-02-01T10:00:00+01:00", "2026-02-01T09:30:00Z", "2026-02-01 10:00"],
        pd.Series(pd.to_datetime(["2026-02-01 11:00", "2026-02-01 12:00", "2026-02-02 00:00"])),
        np.array(["2026-02-03", "2026-02-04", "2026-02-05"], dtype="datetime64[D]"),
        pd.to_datetime(["2026-03-01", "2026-03-02", "2026-03-03"]).tz_localize("Europe/Paris"),
        pd.to_datetime(["2026-03-04", "2026-03-05", "2026-03-06"]).to_pydatetime(),
    ):
        monitor.update(X, times)
    last = monitor.history_["last_time"].iloc[-1]
    assert last == pd.Timestamp("2026-03-06")
    # A batch without times does not break those after it.
    twin.update(X)
    twin.update(X, pd.date_range("2026-05-01", periods=3))
    with pytest.raises(ValueError, match="go back"):
        twin.update(X, pd.date_range("2026-04-01", periods=3))


def test_a_pipeline_of_scikit_learn_and_images():
    rng = np.random.default_rng(4)
    plain = ConformalMonitor(make_pipeline(StandardScaler(), KNNOutlierDetector()))
    assert not plain.fit(rng.normal(size=(100, 3))).update(rng.normal(size=(9, 3))).alarm
    narrow = ConformalMonitor(KNNOutlierDetector(), random_state=0)
    narrow.fit(rng.normal(size=(60, 1)).astype(np.float32))
    assert len(narrow.update(rng.normal(size=(9, 1))).scores) == 9
    constant = ConformalMonitor(KNNOutlierDetector(), random_state=0)
    constant.fit(np.ones((60, 2))).update(np.ones((500, 2)))
    assert not constant.alarm_
    wide = ConformalMonitor(KNNOutlierDetector(), random_state=0)
    wide.fit(rng.normal(size=(100, 768))).update(rng.normal(size=(300, 768)))
    assert not wide.alarm_


def test_stuck_columns_of_wide_rows_are_named():
    rng = np.random.default_rng(5)
    monitor = ConformalMonitor(make_outlier_detector("embedding"), random_state=0)
    monitor.fit(rng.normal(size=(100, 768)))
    X = rng.normal(size=(200, 768))
    X[:, 700] = 0.25
    assert monitor.update(X).alarm
    assert monitor.alarms_[0]["stream"] == "x700"
    assert monitor.changes()["column"][0] == "x700"


def test_the_memory_is_flat():
    rng = np.random.default_rng(6)
    segments, lengths, n = Segments(2), [], 10_000
    numbers, others = rng.random((n, 2)), rng.random(n)
    for _ in range(100):
        segments.add(numbers, others, others, others < 0.1, None)
        segments.add(numbers[:1], others[:1], others[:1], others[:1] < 2, None)
        segments.settle()
        lengths.append(len(segments.n_rows))
    assert segments.n_rows.sum() == segments.counts.sum() // 2 == 100 * (n + 1)
    assert lengths[-1] <= lengths[0] + 64 * 7  # of twice the length, seven times


def test_parameters_are_checked():
    X = np.random.default_rng(0).normal(size=(50, 2))
    for name, value in {
        "alpha": 1.0,
        "average_run_length": 0,
        "columns": "yes",
        "control": "fdr",
        "row_alpha": 0,
        "window": -1,
        "calibration_size": 2.0,
    }.items():
        with pytest.raises(ValueError, match=name):
            ConformalMonitor(KNNOutlierDetector(), **{name: value}).fit(X)
    with pytest.raises(ValueError, match="detector"):
        ConformalMonitor("knn").fit(X)
    with pytest.raises(ValueError, match="alert_budget"):
        ConformalMonitor(KNNOutlierDetector(), control="online-fdr", alert_budget=(1, "1D")).fit(X)
    for method in ("full", "cv+"):
        with pytest.raises(ValueError, match="split"):
            ConformalMonitor(ConformalOutlierDetector(KNNOutlierDetector(), method=method)).fit(X)
    with pytest.raises(ValueError, match="fitted ConformalOutlierDetector"):
        ConformalMonitor.from_fitted(KNNOutlierDetector().fit(X))
    with pytest.raises(NotFittedError):
        ConformalMonitor.from_fitted(ConformalOutlierDetector(KNNOutlierDetector()))
    with pytest.raises(NotFittedError):
        ConformalMonitor(KNNOutlierDetector()).update(X)
    with pytest.raises(ValueError, match="'n' parameter"):
        ConformalMonitor(KNNOutlierDetector(), random_state=0).fit(X).strangest(0)


def test_rows_of_many_types_are_one_stream():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    X, new = rng.normal(size=(200, 3)), rng.normal(size=(40, 3))
    detector = KNNOutlierDetector()
    expected = ConformalMonitor(detector, random_state=0).fit(X).update(new).e_value
    for given, rows in (
        (X.tolist(), new.tolist()),
        (X.astype(">f8"), new.astype(">f8")),
        (np.asfortranarray(X), new.astype(object)),
        (X, torch.from_numpy(new)),
    ):
        monitor = ConformalMonitor(detector, random_state=0).fit(given)
        assert np.isclose(monitor.update(rows).e_value, expected)
        assert len(monitor.changes()) == 3


def test_columns_of_frames_are_found_by_name():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=400),
            "b": rng.exponential(size=400),
            "c": rng.choice(["x", "y"], size=400),
        }
    )
    monitor = ConformalMonitor(make_outlier_detector("tabular-fast"), random_state=0)
    monitor.fit(frame[:300])
    twin = copy.deepcopy(monitor)
    expected = monitor.update(frame[300:])
    update = twin.update(frame[300:][["c", "b", "a"]])
    assert np.array_equal(update.scores, expected.scores)
    assert update.e_value == expected.e_value
    assert twin.changes().equals(monitor.changes())


class _NamedInputs(OutlierMixin, BaseEstimator):
    """A detector of inputs by name, as networks of several inputs take them."""

    def fit(self, X, y=None):  # noqa: ARG002
        return self

    def score_samples(self, X):
        return -np.abs(X["a"]).sum(axis=1)


def test_inputs_by_name_are_a_stream_without_a_window():
    rng = np.random.default_rng(9)
    X = {"a": rng.normal(size=(300, 2)), "b": rng.normal(size=(300, 3))}
    monitor = ConformalMonitor(_NamedInputs(), random_state=0).fit(X)
    assert not monitor.update({name: rows[:100] for name, rows in X.items()}).alarm
    assert monitor.update({name: rows + 4 for name, rows in X.items()}).alarm
    assert monitor.n_seen_ == 400
    assert monitor.strangest() == []
    assert len(monitor.changes()) == 0


def test_the_window_of_wide_rows_is_bounded():
    window = RowWindow(500)
    images = np.zeros((40, 512, 1_024))  # 4 MiB each
    for _ in range(3):
        window.add(images, np.zeros(40), np.ones(40), None)
    rows, facts, _, first_row = window.since(0)
    assert len(rows) == len(facts) == 8
    assert first_row == 112
