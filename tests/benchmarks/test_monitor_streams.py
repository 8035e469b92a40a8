"""The benchmark of monitors: streams change where they say, and limits keep their false alarms."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks are not here")


@pytest.fixture
def parts(monkeypatch):
    """The modules of the benchmark, which leave no module behind."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.syspath_prepend(BENCHMARKS / "accuracy")
    before = {*sys.modules}
    from _monitor import delays, measured, peers, sets, streams

    yield SimpleNamespace(delays=delays, measured=measured, peers=peers, sets=sets, streams=streams)
    for name in {*sys.modules} - before:
        if BENCHMARKS in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
            del sys.modules[name]


def _drawn(parts):
    """Usual rows are above 0 and have a number of their own, odd ones are below 0."""
    rng = np.random.default_rng(0)
    usual = rng.uniform(1, 2, size=(3_500, 4))
    usual[:, 0] = np.arange(1, 3_501)
    one = parts.sets.MonitorSet("small", usual, -np.ones((50, 4)))
    return parts.sets.draw(one, seed=1)


def test_no_row_comes_twice(parts):
    drawn = _drawn(parts)
    numbers = np.concatenate([drawn.fit[:, 0], drawn.usual[:, 0]])
    assert len(drawn.fit) == 1_000
    assert len(np.unique(numbers)) == len(numbers) == 3_000


def test_a_stream_changes_where_it_says(parts):
    drawn, streams = _drawn(parts), parts.streams
    quiet = streams.make_stream(streams.NONE, drawn, len, 0)
    assert quiet.change is None
    assert (quiet.rows == drawn.usual).all()
    for kind in streams.CHANGES:
        rows, change, column = streams.make_stream(kind, drawn, lambda X: X[:, 0], 0)
        assert change == streams.CHANGE
        assert (rows[:change] == drawn.usual[:change]).all(), kind
        moved = rows[change:] != drawn.usual[change:]
        assert moved.any(), kind
        if column is not None:
            assert moved.any(axis=0).tolist() == [j == column for j in range(4)], kind


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("abrupt", 1.0),
        ("1 % of a new class", 0.01),
        ("5 % of a new class", 0.05),
        ("20 % of a new class", 0.2),
        ("gradual", 0.5),
        ("recurring", 0.1),
    ],
)
def test_a_stream_has_its_share_of_odd_rows(parts, kind, share):
    rows, change, _ = parts.streams.make_stream(kind, _drawn(parts), len, 0)
    chance = 4 * np.sqrt(share * (1 - share) / len(rows[change:]))
    assert (rows[change:, 0] < 0).mean() == pytest.approx(share, abs=chance)


def test_what_is_stuck_and_what_is_typical(parts):
    drawn, streams = _drawn(parts), parts.streams
    feed = streams.make_stream(streams.STUCK_FEED, drawn, len, 0).rows[streams.CHANGE - 1 :]
    assert (feed == feed[0]).all()
    stuck = streams.make_stream(streams.STUCK_COLUMN, drawn, len, 0)
    values = stuck.rows[streams.CHANGE :, stuck.column]
    assert (values == values[0]).all()
    assert values[0] in drawn.fit[:, stuck.column]
    typical = streams.make_stream(streams.TYPICAL, drawn, lambda X: X[:, 0], 0).rows
    after, before = typical[streams.CHANGE :, 0], drawn.usual[streams.CHANGE :, 0]
    assert (after > np.quantile(before, 0.75)).mean() == pytest.approx(0.3 + 0.7 / 4, abs=0.03)


def test_the_limit_is_the_lowest_with_few_false_alarms(parts):
    delays, rng = parts.delays, np.random.default_rng(0)
    streams = [parts.measured.records(rng.normal(size=50)) for _ in range(100)]
    limit = delays.threshold(streams)
    alarms = [delays.first_alarm(one, limit) is not None for one in streams]
    assert sum(alarms) == 5
    lower = np.nextafter(limit, -np.inf)
    assert sum(delays.first_alarm(one, lower) is not None for one in streams) == 6


def test_the_records_tell_the_first_alarm_at_each_limit(parts):
    path = np.array([-np.inf, 1.0, 0.5, 3.0, 3.0, 2.0, 4.0])
    records = parts.measured.records(path)
    assert records == [(1, 1.0), (3, 3.0), (6, 4.0)]
    for limit in (0.5, 1.0, 2.0, 3.0, 3.5, 5.0):
        reached = np.flatnonzero(path >= limit)
        expected = int(reached[0]) if reached.size else None
        assert parts.delays.first_alarm(records, limit) == expected


def test_an_alarm_before_the_change_finds_nothing(parts):
    change = parts.streams.CHANGE
    found = parts.delays.delays([change, change + 9, change - 1, None, change + 4])
    assert found == (10.0, 0.6, 1)


def test_the_binomial_test_sees_low_scores_at_the_end_of_the_batch(parts):
    rng = np.random.default_rng(0)
    calibration, scores = rng.normal(size=500), rng.normal(size=2_000)
    scores[800:] -= 2.0
    feed = parts.peers.Feed(np.empty((0, 1)), np.empty((2_000, 1)), calibration, scores, 0)
    records = parts.measured.records(parts.peers.binomial(feed))
    assert parts.delays.first_alarm(records, 20.0) == 999


def test_the_monitor_is_stopped_at_its_alarm(parts):
    pytest.importorskip("pandas", reason="the extra 'io' is not installed")
    from sklearn.preprocessing import StandardScaler

    from skood import KNNOutlierDetector, make_outlier_pipeline
    from skood.monitoring import ConformalMonitor

    drawn = _drawn(parts)
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector())
    monitor = ConformalMonitor(detector, random_state=0).fit(drawn.fit)
    streams = parts.streams
    stream = streams.make_stream(streams.STUCK_COLUMN, drawn, monitor.detector_.score_samples, 0)
    found = parts.measured.watch(monitor, stream)
    assert found["row"] >= streams.CHANGE
    assert found["place"] == 0
    quiet = streams.make_stream(streams.NONE, drawn, len, 0)
    assert parts.measured.watch(monitor.reset(), quiet) == {}
