"""Which rows a monitor flags: online false discovery rates, alert budgets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skood import KNNOutlierDetector
from skood.monitoring import ConformalMonitor
from skood.monitoring._alert_budget import AlertBudget
from skood.monitoring._saffron import _MOST, Saffron


def _p_values(n, share, rng):
    """P-values, and which rows are in-distribution."""
    inside = rng.random(n) >= share
    return np.where(inside, rng.random(n), rng.beta(0.05, 5, n)), inside


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_false_discoveries_are_few_and_some_rows_are_found(share):
    false, found = [], []
    for seed in range(25):
        p_values, inside = _p_values(1_000, share, np.random.default_rng(seed))
        flagged = Saffron(0.1).flags(p_values)
        false.append((flagged & inside).sum() / max(flagged.sum(), 1))
        found.append((flagged & ~inside).sum() / (~inside).sum())
    assert np.mean(false) <= 0.1 + 3 * np.std(false) / np.sqrt(25)
    assert np.mean(found) >= 0.3


def test_saffron_by_hand():
    saffron = Saffron(0.1)
    first = 0.5 * 0.05 / 2.2857656  # (1 - 1/2) alpha/2 over the zeta function at 1.6
    assert saffron.flags(np.array([first * 0.999])) == [True]
    assert Saffron(0.1).flags(np.array([first * 1.001])) == [False]
    # A p-value above 1/2 costs; one below it does not.
    assert Saffron(0.1).flags(np.array([0.4, first * 0.999])).tolist() == [False, True]
    assert Saffron(0.1).flags(np.array([0.6, first * 0.999])).tolist() == [False, False]
    assert Saffron(0.1).flags(np.array([0.6, first / 2**1.6 * 0.999])).tolist() == [False, True]


def test_the_memory_of_rejections_is_bounded():
    saffron = Saffron(0.1)
    saffron.flags(np.zeros(3 * _MOST))
    assert len(saffron.n_since_others) == _MOST


def test_a_budget_by_rows():
    rng = np.random.default_rng(0)
    budget = AlertBudget(5, 100, 0.05, by_time=False)
    flagged = np.concatenate([budget.flags(rng.random(50), i * 50, None) for i in range(200)])
    per_period = flagged.reshape(-1, 100).sum(axis=1)
    assert per_period.max() <= 5
    assert 3 < per_period.mean() <= 5
    assert budget.flags(np.zeros(100), 10_000, None).sum() == 5


def test_a_budget_a_day_flags_the_strangest_rows():
    rng = np.random.default_rng(1)
    monitor = ConformalMonitor(
        KNNOutlierDetector(), alert_budget=(10, "1D"), columns=False, random_state=0
    ).fit(rng.normal(size=(4_000, 2)))
    times = pd.date_range("2026-01-01", periods=4 * 1_000, freq="86400ms")
    days = []
    for day in range(4):
        X = rng.normal(size=(1_000, 2))
        if day == 3:
            X[::100] *= 9
        part = times[day * 1_000 : (day + 1) * 1_000]
        days.append(monitor.update(X, part).flagged)
    assert [flagged.sum() <= 10 for flagged in days] == [True] * 4
    assert days[3][::100].sum() >= 7
    assert days[1].sum() + days[2].sum() >= 3


@pytest.mark.parametrize(
    "period", [1_000, "1D", "D", "12h", np.timedelta64(1, "D"), pd.Timedelta("2h")]
)
def test_periods(period):
    monitor = ConformalMonitor(KNNOutlierDetector(), alert_budget=(3, period), random_state=0)
    monitor.fit(np.random.default_rng(0).normal(size=(100, 2)))
    X = np.random.default_rng(1).normal(size=(20, 2))
    times = None if period == 1_000 else pd.date_range("2026-01-01", periods=20, freq="s")
    assert monitor.update(X, times).flagged.sum() <= 3


@pytest.mark.parametrize(
    "budget", [3, (3,), (0, "1D"), (3, "1Y"), (3, "day"), (3, 0), (2.5, "1D"), (3, None), "3 a day"]
)
def test_a_budget_that_is_none(budget):
    monitor = ConformalMonitor(KNNOutlierDetector(), alert_budget=budget)
    with pytest.raises(ValueError, match="alert_budget"):
        monitor.fit(np.zeros((20, 2)))


def test_a_budget_by_time_needs_times():
    rng = np.random.default_rng(0)
    monitor = ConformalMonitor(KNNOutlierDetector(), alert_budget=(3, "1D"), random_state=0)
    monitor.fit(rng.normal(size=(100, 2)))
    with pytest.raises(ValueError, match="timestamps"):
        monitor.update(rng.normal(size=(5, 2)))
    assert monitor.n_seen_ == 0


def test_online_fdr_flags_rows_far_out_and_seldom_others():
    rng = np.random.default_rng(2)
    monitor = ConformalMonitor(
        KNNOutlierDetector(), control="online-fdr", row_alpha=0.1, columns=False, random_state=0
    ).fit(rng.normal(size=(6_000, 2)))
    X = rng.normal(size=(2_000, 2))
    X[::10] += 12
    is_far = np.arange(2_000) % 10 == 0
    flagged = monitor.update(X).flagged
    assert flagged[is_far].mean() > 0.9
    assert (flagged & ~is_far).sum() <= 0.2 * flagged.sum()
