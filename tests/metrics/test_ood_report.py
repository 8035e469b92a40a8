"""The report: its bootstrap against plain resampling, its intervals, and how it shows itself."""

import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skood.metrics import (
    MetricEstimate,
    OODReport,
    aupr_in,
    aupr_out,
    auroc,
    detection_error,
    fpr_at_tpr,
    ood_report,
)
from skood.metrics.bootstrap import metrics_of_counts

NAMES = ["auroc", "aupr_in", "aupr_out", "fpr95", "fpr80", "detection_error"]


def public_metrics(y_true, scores):
    return [
        auroc(y_true, scores),
        aupr_in(y_true, scores),
        aupr_out(y_true, scores),
        fpr_at_tpr(y_true, scores, tpr=0.95),
        fpr_at_tpr(y_true, scores, tpr=0.80),
        detection_error(y_true, scores),
    ]


def normal_rows(n_in, n_out, *, seed=0, decimals=10):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(1.5, 1, n_in), rng.normal(0, 1, n_out)])
    return np.repeat([1, -1], [n_in, n_out]), scores.round(decimals)


def intervals(report):
    return [(estimate.low, estimate.high) for estimate in report.values()]


# --- The bootstrap -----------------------------------------------------------------------------

counts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=15)


@settings(deadline=None)  # a slow machine is no defect
@given(counts.filter(lambda rows: all(map(sum, zip(*rows, strict=True)))))
def test_metrics_of_counts_equal_the_metrics_of_the_rows_counted(rows):
    n_in, n_out = np.array(rows).T
    falling = -np.arange(len(rows))
    scores = np.concatenate([np.repeat(falling, n_in), np.repeat(falling, n_out)])
    y_true = np.repeat([1, -1], [n_in.sum(), n_out.sum()])
    expected = public_metrics(y_true, scores)
    assert metrics_of_counts(n_in, n_out) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decimals", [10, 0])  # without and with ties
def test_intervals_are_quantiles_over_resamples_within_each_class(decimals):
    y_true, scores = normal_rows(60, 25, decimals=decimals)
    inside, outside = np.sort(scores[y_true == 1]), np.sort(scores[y_true == -1])
    rng = np.random.RandomState(7)
    resampled = []
    for _ in range(40):
        drawn_in = inside[rng.randint(60, size=60)]
        drawn_out = outside[rng.randint(25, size=25)]
        resampled.append(public_metrics(y_true, np.concatenate([drawn_in, drawn_out])))
    expected = np.quantile(resampled, [0.1, 0.9], axis=0).T

    report = ood_report(y_true, scores, n_bootstrap=40, confidence_level=0.8, random_state=7)
    np.testing.assert_allclose(intervals(report), expected, atol=1e-12, rtol=0)


def test_intervals_hold_the_value_and_are_fractions():
    report = ood_report(*normal_rows(400, 300), random_state=0)
    for name, (value, low, high) in report.items():
        assert 0 <= low < value < high <= 1, name


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # Two normals of equal variance, 1.5 apart: AUROC = Phi(1.5 / sqrt 2).
    truth, covered = 0.855578, 0
    for seed in range(120):
        rows = normal_rows(80, 60, seed=seed)
        report = ood_report(*rows, n_bootstrap=100, confidence_level=0.8, random_state=seed)
        covered += report.auroc.low <= truth <= report.auroc.high
    assert 0.67 <= covered / 120 <= 0.93  # 3.5 standard errors about 0.8


def test_intervals_shrink_with_more_rows_and_grow_with_confidence():
    def widths(n, confidence_level):
        report = ood_report(
            *normal_rows(n, n), confidence_level=confidence_level, random_state=0, n_bootstrap=300
        )
        return np.diff(intervals(report)).ravel()

    assert np.all(widths(3000, 0.95) < 0.5 * widths(100, 0.95))
    assert np.all(widths(100, 0.5) < widths(100, 0.95))


def test_a_class_of_one_row_is_in_every_resample():
    report = ood_report(*normal_rows(1, 50), n_bootstrap=200, random_state=0)
    assert np.isfinite(intervals(report)).all()


def test_perfect_separation_leaves_nothing_to_vary():
    report = ood_report([1, 1, 1, -1, -1], [5, 4, 3, 2, 1], n_bootstrap=50)
    assert [tuple(estimate) for estimate in report.values()] == [(1, 1, 1)] * 3 + [(0, 0, 0)] * 3


# --- Reproducibility ---------------------------------------------------------------------------


def test_random_state_decides_the_intervals_and_nothing_else():
    rows = normal_rows(60, 40)
    report = ood_report(*rows, n_bootstrap=50, random_state=3)
    assert ood_report(*rows, n_bootstrap=50, random_state=3) == report
    assert ood_report(*rows, n_bootstrap=50, random_state=np.random.RandomState(3)) == report
    other = ood_report(*rows, n_bootstrap=50, random_state=4)
    assert intervals(other) != intervals(report)
    assert [e.value for e in other.values()] == [e.value for e in report.values()]


def test_the_global_random_state_is_left_alone_by_a_seeded_report():
    state = np.random.RandomState(0)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the legacy state is what is tested
    ood_report(*normal_rows(20, 20), n_bootstrap=5, random_state=state)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_order_of_the_rows_makes_no_difference_but_their_labels_do():
    y_true, scores = normal_rows(60, 40, decimals=1)
    order = np.random.default_rng(0).permutation(100)
    report = ood_report(y_true, scores, n_bootstrap=50, random_state=0)
    permuted = ood_report(y_true[order], scores[order], n_bootstrap=50, random_state=0)
    mislabelled = ood_report(y_true[order], scores, n_bootstrap=50, random_state=0)
    assert permuted == report
    assert mislabelled.auroc.high < report.auroc.low


def test_intervals_depend_on_the_order_of_the_scores_only():
    y_true, scores = normal_rows(60, 40, decimals=1)
    report = ood_report(y_true, scores, n_bootstrap=50, random_state=0)
    assert ood_report(y_true, np.exp(scores), n_bootstrap=50, random_state=0) == report


# --- The object --------------------------------------------------------------------------------


@pytest.fixture
def report():
    return OODReport(
        auroc=MetricEstimate(0.9123456, 0.9, 0.925),
        aupr_in=MetricEstimate(1.0, 1.0, 1.0),
        aupr_out=MetricEstimate(0.5, 0.25, 0.75),
        fpr95=MetricEstimate(0.0, 0.0, 0.03125),
        fpr80=MetricEstimate(0.0, 0.0, 0.0),
        detection_error=MetricEstimate(0.05, 0.01, 0.1),
        n_in=120,
        n_out=8,
        n_bootstrap=1000,
        confidence_level=0.9,
    )


TABLE = """\
120 in-distribution and 8 OoD rows
metric           better     value  90 % interval
auroc            higher   91.23 %   90.00 % to  92.50 %
aupr_in          higher  100.00 %  100.00 % to 100.00 %
aupr_out         higher   50.00 %   25.00 % to  75.00 %
fpr95            lower     0.00 %    0.00 % to   3.12 %
fpr80            lower     0.00 %    0.00 % to   0.00 %
detection_error  lower     5.00 %    1.00 % to  10.00 %"""


def test_prints_as_an_aligned_table(report):
    assert str(report) == TABLE


def test_without_resamples_there_are_no_intervals():
    report = ood_report(*normal_rows(30, 20), n_bootstrap=0)
    assert intervals(report) == [(None, None)] * 6
    heading, *lines = str(report).splitlines()[1:]
    assert heading == "metric           better     value"
    assert all(line.endswith("%") and line.count("%") == 1 for line in lines)


def test_is_a_read_only_mapping_of_the_metrics(report):
    assert list(report) == NAMES
    assert dict(report)["fpr95"] is report["fpr95"] is report.fpr95
    with pytest.raises(KeyError, match="n_in"):
        report["n_in"]
    with pytest.raises(FrozenInstanceError):
        report.auroc = MetricEstimate(1.0, 1.0, 1.0)


def test_to_dict_survives_json(report):
    loaded = json.loads(json.dumps(report.to_dict()))
    assert loaded.pop("n_in") == 120
    assert loaded.pop("n_out") == 8
    assert loaded.pop("n_bootstrap") == 1000
    assert loaded.pop("confidence_level") == 0.9
    assert {name: MetricEstimate(**fields) for name, fields in loaded.items()} == dict(report)


def test_computed_report_survives_json_pickle_and_hash():
    report = ood_report(*normal_rows(30, 20), n_bootstrap=20, random_state=0)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    copy = pickle.loads(pickle.dumps(report))  # noqa: S301 - our own bytes
    assert {copy, report} == {report}


def test_names_counts_and_values():
    y_true, scores = normal_rows(30, 20)
    report = ood_report(y_true, scores, n_bootstrap=4, confidence_level=0.5)
    assert [report[name].value for name in NAMES] == public_metrics(y_true, scores)
    assert (report.n_in, report.n_out) == (30, 20)
    assert (report.n_bootstrap, report.confidence_level) == (4, 0.5)


# --- Errors of its own parameters (those of the labels and scores are in test_metrics) ---------


@pytest.mark.parametrize("n_bootstrap", [-1, 10.0, "10", None, True])
def test_n_bootstrap_outside_its_interval(n_bootstrap):
    message = (
        rf"'n_bootstrap' parameter of ood_report must be an int in \[0, inf\)\. "
        rf"Got {n_bootstrap!r} instead"
    )
    with pytest.raises(ValueError, match=message):
        ood_report([1, -1], [2, 1], n_bootstrap=n_bootstrap)


@pytest.mark.parametrize("confidence_level", [0, 1, 95, float("nan"), "0.95", None, True])
def test_confidence_level_outside_its_interval(confidence_level):
    message = (
        rf"'confidence_level' parameter of ood_report must be a float in \(0, 1\)\. "
        rf"Got {confidence_level!r} instead"
    )
    with pytest.raises(ValueError, match=message):
        ood_report([1, -1], [2, 1], confidence_level=confidence_level)


def test_random_state_that_is_no_seed():
    with pytest.raises(ValueError, match=r"^The 'random_state' parameter of ood_report"):
        ood_report([1, -1], [2, 1], random_state="seed")
