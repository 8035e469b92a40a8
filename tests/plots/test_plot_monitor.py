"""MonitorDisplay draws the evidence, the alarm and the change over rows or times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skood import MahalanobisOutlierDetector
from skood.monitoring import ConformalMonitor
from skood.plots import MonitorDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_windows():
    """Draw in memory, and close the figures."""
    backend = pyplot.get_backend()
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(backend)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _monitor(rng, **parameters):
    monitor = ConformalMonitor(MahalanobisOutlierDetector(), random_state=0, **parameters)
    return monitor.fit(rng.normal(size=(300, 2)))


def _labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_quiet_stream_by_rows(rng):
    monitor = _monitor(rng)
    monitor.update(rng.normal(size=(330, 2)))
    display = MonitorDisplay.from_estimator(monitor, name="pump")
    evidence, share = display.ax_
    assert _labels(evidence) == ["evidence", "alarm line"]
    assert evidence.get_yscale() == "log"
    x, y = evidence.lines[0].get_data()
    assert x[-1] == 329
    assert y[-1] == monitor.history_["max_e_value"].iloc[-1]
    assert set(evidence.lines[1].get_ydata()) == {100.0}
    assert share.get_xlabel() == "row of the stream"
    assert evidence.get_title(loc="left") == "pump"
    places, shares = share.lines[0].get_data()
    assert list(places) == [0, 64, 128, 192, 256, 320, 329]
    flagged = monitor.history_["n_flagged"].to_numpy()
    assert shares[0] == 100 * flagged[:4].sum() / 64


def test_an_alarm_by_time(rng):
    monitor = _monitor(rng)
    times = pd.date_range("2026-01-01", periods=500, freq="h")
    monitor.update(rng.normal(size=(300, 2)), times[:300])
    monitor.update(rng.normal(size=(200, 2)) + 3, times[300:])
    assert monitor.alarm_
    display = MonitorDisplay.from_estimator(monitor)
    evidence, share = display.ax_
    assert _labels(evidence) == ["evidence", "alarm line", "change began", "alarm"]
    assert monitor.e_value_ > 1e8
    assert evidence.get_ylim()[1] == 1e8
    assert share.get_xlabel() == "time"
    again = display.plot(tuple(display.figure_.axes))
    assert again.figure_ is display.figure_


def test_alarms_that_come_again_have_lines_of_their_own(rng):
    monitor = _monitor(rng, average_run_length=1_000)
    monitor.update(rng.normal(size=(300, 2)) + 3)
    assert len(monitor.alarms_) > 1
    display = MonitorDisplay.from_estimator(monitor)
    assert display.limit == 1_000
    assert len(display.ax_[0].lines) == 2 + len(monitor.alarms_)


def test_what_is_no_monitor_is_refused(rng):
    with pytest.raises(ValueError, match="'estimator' parameter of MonitorDisplay"):
        MonitorDisplay.from_estimator(MahalanobisOutlierDetector())
    with pytest.raises(ValueError, match="'history' parameter of MonitorDisplay"):
        MonitorDisplay.from_estimator(_monitor(rng))
    with pytest.raises(ValueError, match="'history' parameter of MonitorDisplay"):
        MonitorDisplay(pd.DataFrame({"first_row": [0]}), limit=100.0)
