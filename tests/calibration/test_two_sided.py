"""conformal_test(alternative="two-sided"): valid, and sees what low scores do not show.

SKOOD_BATCHES=2000 pytest tests/calibration/test_two_sided.py -k rates  # long runs
"""

from __future__ import annotations

import os
import pickle
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom

from skood import ConformalOutlierDetector, KNNOutlierDetector
from skood.calibration.two_sided import TwoSidedTest, score_tests

from .conformal_cases import calibrated, column

N_BATCHES = int(os.environ.get("SKOOD_BATCHES", "25"))
TESTS = ["ranks", "spread", "distribution", "repeats", "columns"]


def _rows(rng, n, kind):
    if kind == "continuous":
        return rng.normal(size=(n, 3))
    return rng.poisson(2.0, size=(n, 3)).astype(float)


@pytest.mark.parametrize("kind", ["continuous", "integers"])
@pytest.mark.parametrize("n", [50, 250, 2000])
@pytest.mark.parametrize("m", [1, 5, 50, 200])
def test_rates_of_false_alarms(m, n, kind):
    rng = np.random.default_rng([m, n, len(kind)])
    p_values = {name: [] for name in ["all", *TESTS]}
    for _ in range(N_BATCHES):
        detector = calibrated(np.zeros(2), alpha=0.5).fit(_rows(rng, n, kind))
        result = detector.conformal_test(_rows(rng, m, kind), alternative="two-sided")
        for name, p in {"all": result.p_value, **result.tests}.items():
            p_values[name].append(p)
    for name, found in p_values.items():
        for alpha in (0.05, 0.01, 0.001):
            n_alarms = int(np.sum(np.array(found) <= alpha))
            likely = binom.sf(n_alarms - 1, N_BATCHES, alpha)
            assert likely > 1e-5, f"{name}: {n_alarms} of {N_BATCHES} at {alpha}"
    if N_BATCHES > 100:
        shares = [np.mean(np.array(p_values["all"]) <= a) for a in (0.05, 0.01, 0.001)]
        print(f"m={m} n={n} {kind}: {shares}")


@pytest.mark.parametrize("values", [range(9), [0, 0, 1, 1, 1, 2, 3, 3, 5], [4] * 9])
def test_false_alarms_over_all_batches_of_four(values):
    """All ways to divide these scores: each test alarms in a share of its p-value at most."""
    found = []
    for batch in combinations(range(9), 4):
        scores = np.take(values, batch) * 1.0
        found.append(score_tests(scores, np.sort(np.delete(values, batch)) * 1.0))
    for name in found[0]:
        p_values = np.array([tests[name] for tests in found])
        assert all(np.mean(p_values <= p + 1e-12) <= p + 1e-9 for p in p_values), name


@pytest.fixture(scope="module")
def detector():
    X = np.random.default_rng(0).normal(size=(1000, 8))
    return ConformalOutlierDetector(KNNOutlierDetector(), random_state=0).fit(X)


def _two_sided(detector, batch):
    return detector.conformal_test(batch, alternative="two-sided")


def _failures():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 8))
    stuck = rows.copy()
    stuck[:, 3] = 0.0
    mixture = rows * np.where(np.arange(200) < 100, 0.5, 1.0)[:, np.newaxis]
    return {
        "normal": (rows, set()),
        "stuck feed": (np.tile(rows[:1] * 0.1, (200, 1)), {"ranks", "distribution", "repeats"}),
        "stuck column": (stuck, {"columns"}),
        "half of the rows too typical": (mixture, {"ranks", "distribution"}),
        "each row twice": (np.repeat(rows[:100], 2, axis=0), {"repeats"}),
        "a shift": (rows + 1.0, {"ranks", "distribution", "columns"}),
    }


@pytest.mark.parametrize("name", _failures())
def test_which_failure_which_test_sees(detector, name):
    batch, seen_by = _failures()[name]
    result = _two_sided(detector, batch)
    assert list(result.tests) == TESTS
    assert result.p_value == min(1.0, 5 * min(result.tests.values()))
    if not seen_by:
        assert result.p_value > 0.05
        return
    assert result.p_value < 1e-8
    assert seen_by <= {test for test, p in result.tests.items() if p < 1e-6}


def test_low_scores_alone_do_not_show_it(detector):
    for name in ("stuck feed", "half of the rows too typical"):
        assert detector.conformal_test(_failures()[name][0]).p_value > 0.05


def test_scores_too_close_together():
    rng = np.random.default_rng(0)
    n = calibrated(rng.normal(size=500), alpha=0.5)
    result = _two_sided(n, column(rng.normal(size=100) * 0.3))
    assert result.tests["spread"] < 1e-6 < result.tests["ranks"]


def test_a_stuck_column_is_named(detector):
    batch = _failures()["stuck column"][0]
    result = detector.conformal_test(batch, method="columns")
    statistic, p_value = result  # a pair, as ever
    assert 0 < statistic <= p_value < 1e-20
    assert [name for name, p in result.columns.items() if p < 0.05] == ["x3"]
    assert result.columns == _two_sided(detector, batch).columns
    again = pickle.loads(pickle.dumps(result))  # noqa: S301
    assert (again, again.columns) == (result, result.columns)


def test_blocks_give_what_all_rows_give(detector):
    batch = np.random.default_rng(2).normal(size=(60, 8))
    test = TwoSidedTest(detector)
    for start, stop in ((0, 1), (1, 7), (7, 60)):
        test = test.add(batch[start:stop])
    assert test.result().tests == pytest.approx(_two_sided(detector, batch).tests)


def test_scores_of_long_batches_are_drawn(detector, monkeypatch):
    monkeypatch.setattr("skood.calibration.two_sided._KEPT", 100)
    test = TwoSidedTest(detector)
    for seed in range(4):
        test.add(np.random.default_rng(seed).normal(size=(90, 8)))
    assert len(test._scores) == 100
    assert test.result().p_value > 0.05


def test_two_sided_ranks(detector):
    batch = _failures()["half of the rows too typical"][0]
    result = detector.conformal_test(batch, method="rank_sum", alternative="two-sided")
    assert result.p_value < 1e-6
    assert result.statistic == detector.conformal_test(batch).statistic


def test_infinite_scores_have_ranks():
    detector = calibrated([-np.inf, -np.inf, 0.0, 1.0, 2.0, np.inf], alpha=0.5)
    assert _two_sided(detector, column([-np.inf, 1.0])).p_value == 1.0


def test_refused():
    X = np.random.default_rng(0).normal(size=(80, 2))
    y = np.repeat([0, 1], 40)
    full = ConformalOutlierDetector(KNNOutlierDetector(), method="full").fit(X)
    by_class = ConformalOutlierDetector(KNNOutlierDetector(), class_conditional=True, alpha=0.2)
    for detector in (full, by_class.fit(X, y)):
        with pytest.raises(ValueError, match="'alternative' parameter of conformal_test must be"):
            _two_sided(detector, X)
        with pytest.raises(ValueError, match=r"'method' parameter .* a table in memory"):
            detector.conformal_test(X, method="columns")
    split = full.set_params(method="split").fit(X)
    with pytest.raises(ValueError, match="'auto', 'rank_sum' or 'columns' with alternative"):
        split.conformal_test(X, method="simes", alternative="two-sided")
    with pytest.raises(ValueError, match="'alternative' parameter of conformal_test must be one"):
        split.conformal_test(X, alternative="greater")
    with pytest.raises(ValueError, match="2 features"):
        split.conformal_test(X[:, :1], method="columns")
