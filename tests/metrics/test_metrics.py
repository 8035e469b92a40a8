"""The single metrics, against answers by hand and plain rewrites that loop over thresholds."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skood.metrics import aupr_in, aupr_out, auroc, detection_error, fpr_at_tpr, ood_report


def report_values(y_true, scores, *, pos_label=None):
    report = ood_report(y_true, scores, pos_label=pos_label, n_bootstrap=0)
    return [estimate.value for estimate in report.values()]


METRICS = [auroc, aupr_in, aupr_out, fpr_at_tpr, detection_error]
EVERY_FUNCTION = [*METRICS, ood_report]

every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda f: f.__name__)
every_function = pytest.mark.parametrize("function", EVERY_FUNCTION, ids=lambda f: f.__name__)


# No deadline: a slow machine is no defect.
thorough = settings(deadline=None)
brief = settings(deadline=None, max_examples=25)


@st.composite
def labelled_scores(draw):
    """Draw rows of both classes in any order; the narrow range of scores makes many ties."""
    score = st.integers(-4, 4)
    rows = [(1, s) for s in draw(st.lists(score, min_size=1, max_size=12))]
    rows += [(-1, s) for s in draw(st.lists(score, min_size=1, max_size=12))]
    y_true, scores = zip(*draw(st.permutations(rows)), strict=True)
    return list(y_true), list(scores)


# --- Plain rewrites: pairs and thresholds, one at a time, in exact fractions -------------------


def rates_at(y_true, scores, threshold):
    passed = [y for y, s in zip(y_true, scores, strict=True) if s >= threshold]
    return (
        Fraction(passed.count(1), y_true.count(1)),
        Fraction(passed.count(-1), y_true.count(-1)),
    )


def plain_auroc(y_true, scores):
    rows = list(zip(y_true, scores, strict=True))
    inside = [s for y, s in rows if y == 1]
    outside = [s for y, s in rows if y == -1]
    wins = sum(Fraction((a > b) * 2 + (a == b), 2) for a in inside for b in outside)
    return float(wins / (len(inside) * len(outside)))


def plain_average_precision(y_true, scores):
    total, recall_before = Fraction(0), Fraction(0)
    for threshold in sorted(set(scores), reverse=True):
        passed = [y for y, s in zip(y_true, scores, strict=True) if s >= threshold]
        recall = Fraction(passed.count(1), y_true.count(1))
        total += (recall - recall_before) * Fraction(passed.count(1), len(passed))
        recall_before = recall
    return float(total)


def plain_fpr_at_tpr(y_true, scores, target):
    rates = [rates_at(y_true, scores, threshold) for threshold in scores]
    return float(min(fpr for tpr, fpr in rates if tpr >= target))


def plain_detection_error(y_true, scores):
    rates = [rates_at(y_true, scores, threshold) for threshold in [*scores, max(scores) + 1]]
    return float(min((1 - tpr + fpr) / 2 for tpr, fpr in rates))


@thorough
@given(labelled_scores())
def test_auroc_counts_pairs(data):
    assert auroc(*data) == pytest.approx(plain_auroc(*data), abs=1e-12)


@thorough
@given(labelled_scores())
def test_average_precision_sums_over_thresholds(data):
    y_true, scores = data
    assert aupr_in(y_true, scores) == pytest.approx(
        plain_average_precision(y_true, scores), abs=1e-12
    )
    swapped = [-y for y in y_true], [-s for s in scores]
    assert aupr_out(y_true, scores) == pytest.approx(plain_average_precision(*swapped), abs=1e-12)


@thorough
@given(labelled_scores(), st.integers(1, 60), st.integers(1, 60))
def test_fpr_at_tpr_tries_every_threshold(data, a, b):
    target = Fraction(min(a, b), max(a, b))
    assert fpr_at_tpr(*data, tpr=float(target)) == plain_fpr_at_tpr(*data, target)


@thorough
@given(labelled_scores())
def test_detection_error_tries_every_threshold(data):
    assert detection_error(*data) == pytest.approx(plain_detection_error(*data), abs=1e-12)


# --- Answers by hand ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y_true", "scores", "expected"),
    [
        # expected: auroc, aupr_in, aupr_out, fpr95, fpr80, detection_error
        ([1, 1, -1, -1], [4, 3, 2, 1], [1, 1, 1, 0, 0, 0]),
        ([-1, -1, 1, 1], [4, 3, 2, 1], [0, 5 / 12, 5 / 12, 1, 1, 0.5]),
        ([1, -1, 1, -1], [4, 3, 2, 1], [3 / 4, 5 / 6, 5 / 6, 0.5, 0.5, 0.25]),
        # One pair of two is in order, the other is tied: half of it counts.
        ([1, 1, -1], [2, 1, 1], [3 / 4, 5 / 6, 1 / 2, 1, 1, 0.25]),
        # Equal scores: the shares of the classes, and a coin.
        ([1, -1, -1], [7, 7, 7], [1 / 2, 1 / 3, 2 / 3, 1, 1, 0.5]),
    ],
)
def test_answers_by_hand(y_true, scores, expected):
    assert report_values(y_true, scores) == pytest.approx(expected, abs=1e-15)
    by_function = [metric(y_true, scores) for metric in METRICS]
    by_function.insert(4, fpr_at_tpr(y_true, scores, tpr=0.80))
    assert by_function == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("tpr", "n_in", "n_needed"),
    [
        (0.95, 20, 19),
        (0.07, 100, 7),  # 0.07 * 100 is a little over 7
        (3 * 0.1, 10, 3),  # a little over 0.3
        (1 - 0.9, 10, 1),  # a little under 0.1
        (0.951, 20, 20),
        (0.901, 1000, 901),
        (0.9011, 1000, 902),
        (1.0, 7, 7),
        (1e-300, 7, 1),
    ],
)
def test_fpr_at_tpr_needs_no_row_too_many_through_rounding(tpr, n_in, n_needed):
    # One OoD row lies right above each in-distribution row, so the FPR tells how many passed.
    below = -np.arange(n_in, dtype=float)
    y_true = np.repeat([1, -1], n_in)
    scores = np.concatenate([below, below + 0.5])
    assert fpr_at_tpr(y_true, scores, tpr=tpr) == n_needed / n_in


# --- Properties --------------------------------------------------------------------------------

INCREASING = {
    "scale": lambda s: 1e-150 * s,
    "shift": lambda s: s + 1e6,
    "cube": lambda s: s**3,
    "exponential": lambda s: np.exp(30 * s),
    "bounded": lambda s: np.arctan(s / 4),
    "huge": lambda s: s * (np.finfo(float).max / 4),  # the range of the scores overflows
    "infinite ends": lambda s: np.where(np.abs(s) == 4, np.copysign(np.inf, s), s),
    "float32": lambda s: s.astype(np.float32),
    "whole numbers beyond float64": lambda s: s.astype(np.int64) + 2**62,
}


@pytest.mark.parametrize("name", INCREASING)
@brief
@given(data=labelled_scores())
def test_only_the_order_of_the_scores_matters(name, data):
    y_true, scores = data
    scores = np.asarray(scores, dtype=float)
    assert report_values(y_true, INCREASING[name](scores)) == report_values(y_true, scores)


@brief
@given(labelled_scores(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(data, random):
    rows = list(zip(*data, strict=True))
    random.shuffle(rows)
    assert report_values(*zip(*rows, strict=True)) == report_values(*data)


@brief
@given(labelled_scores())
def test_swapping_the_classes_and_the_scores(data):
    y_true, scores = np.array(data[0]), np.array(data[1])
    assert auroc(-y_true, -scores) == pytest.approx(auroc(y_true, scores), abs=1e-15)
    assert auroc(-y_true, scores) == pytest.approx(1 - auroc(y_true, scores), abs=1e-15)
    assert aupr_in(-y_true, -scores) == aupr_out(y_true, scores)
    # Passing all but k rows of one class instead of k rows of the other: the same cuts.
    assert detection_error(-y_true, -scores) == pytest.approx(
        detection_error(y_true, scores), abs=1e-15
    )


@brief
@given(labelled_scores(), st.floats(0.01, 1), st.floats(0.01, 1))
def test_fpr_rises_with_the_tpr_asked_for(data, a, b):
    assert fpr_at_tpr(*data, tpr=min(a, b)) <= fpr_at_tpr(*data, tpr=max(a, b))


# --- Labels ------------------------------------------------------------------------------------

SCORES = [0.9, 0.2, 0.8, 0.4, 0.3, 0.1]
PLUS_MINUS = [1, 1, 1, -1, -1, -1]


@every_function
@pytest.mark.parametrize(
    ("y_true", "pos_label"),
    [
        ([0, 0, 0, 1, 1, 1], 0),
        (["cat", "cat", "cat", "dog", "dog", "eel"], "cat"),
        (np.array(["cat", "cat", "cat", "dog", None, 3], dtype=object)[[0, 1, 2, 3, 5, 5]], "cat"),
        ([True, True, True, False, False, False], True),
        ([True, True, True, False, False, False], np.True_),
        ([-1, -1, -1, 1, 1, 1], -1),
        (np.array([255, 255, 255, 1, 1, 1], dtype=np.uint8), 255),
        ([1.0, 1.0, 1.0, -1.0, -1.0, -1.0], None),
        (np.array(PLUS_MINUS, dtype=np.int8), None),
        (np.array(PLUS_MINUS, dtype=object), None),
    ],
)
def test_other_labels_with_pos_label(function, y_true, pos_label):
    keywords = {"random_state": 0, "n_bootstrap": 5} if function is ood_report else {}
    expected = function(PLUS_MINUS, SCORES, **keywords)
    assert function(y_true, SCORES, pos_label=pos_label, **keywords) == expected


@every_function
@pytest.mark.parametrize(
    ("y_true", "named"),
    [
        ([0, 0, 0, 1, 1, 1], "0, 1"),
        ([0, 1, 1, -1, -1, -1], "0, 1, -1"),
        ([1, 2, 3, 4, 5, 6], "1, 2, 3, 4, 5, ..."),
        ([True, True, True, False, False, False], "True, False"),
        (["1", "1", "1", "-1", "-1", "-1"], "'1', '-1'"),
        (np.array([True, True, True, -1, -1, -1], dtype=object), "True, -1"),
        (np.array([255, 255, 255, 1, 1, 1], dtype=np.uint8), "255, 1"),
        ([1, 1, 1, -1.5, -1, -1], "1.0, -1.5, -1.0"),
    ],
)
def test_labels_are_never_guessed(function, y_true, named):
    message = (
        rf"The 'y_true' parameter of {function.__name__} must be \+1 \(in-distribution\) or -1 "
        rf"\(OoD\) in every row, unless 'pos_label' .* invert .*\. "
        rf"Got the labels {re.escape(named)} instead\."
    )
    with pytest.raises(ValueError, match=message):
        function(y_true, SCORES)


def test_pos_label_turns_the_metric_over():
    zero_one = [0, 0, 0, 1, 1, 1]
    assert auroc(zero_one, SCORES, pos_label=0) == pytest.approx(7 / 9)
    assert auroc(zero_one, SCORES, pos_label=1) == pytest.approx(2 / 9)


# --- Errors ------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


BOTH = "labels of both in-distribution and OoD rows"
ROWS = "a 1-D array-like with at least one row"


@every_function
@pytest.mark.parametrize(
    ("y_true", "scores", "pos_label", "parameter", "allowed", "got"),
    [
        ([1, 1], [1, 2], None, "y_true", BOTH, "2 in-distribution and 0 OoD rows"),
        ([-1], [1], None, "y_true", BOTH, "0 in-distribution and 1 OoD rows"),
        (["a", "a"], [1, 2], "a", "y_true", BOTH, "2 in-distribution and 0 OoD rows"),
        ([0, 1], [1, 2], 2, "pos_label", "one of the labels in 'y_true' (0, 1)", "2"),
        ([0, 1], [1, 2], "0", "pos_label", "one of the labels in 'y_true' (0, 1)", "'0'"),
        (["0", "1"], [1, 2], 0, "pos_label", "one of the labels in 'y_true' ('0', '1')", "0"),
        ([0, 1], [1, 2], NAN, "pos_label", "one of the labels in 'y_true' (0, 1)", "nan"),
        ([0, 1], [1, 2], [0, 1], "pos_label", "a single label", "[0, 1]"),
        ([1, NAN, -1], [1, 2, 3], None, "y_true", "free of missing labels", "1 missing"),
        (["a", None, None], [1, 2, 3], "a", "y_true", "free of missing labels", "2 missing"),
        ([], [], None, "y_true", ROWS, "shape (0,)"),
        ([1, -1], [], None, "scores", ROWS, "shape (0,)"),
        ([[1], [-1]], [1, 2], None, "y_true", ROWS, "shape (2, 1)"),
        ([1, -1], [[1, 2], [3, 4]], None, "scores", ROWS, "shape (2, 2)"),
        (1, 0.5, None, "y_true", ROWS, "shape ()"),
        ([1, -1], [[1, 2], [3]], None, "scores", ROWS, "nested rows of unequal length"),
        ([1, -1, 1], [1, 2], None, "y_true", "as long as 'scores' (2 rows)", "3"),
        ([1, -1, 1], [1, NAN, NAN], None, "scores", "free of NaN", "2 NaN, the first in row 1,"),
        ([1, -1], [None, 1], None, "scores", "free of NaN", "1 NaN, the first in row 0,"),
        ([1, -1], ["0.1", "0.2"], None, "scores", "real numbers", "dtype <U3"),
        ([1, -1], [1 + 1j, 2], None, "scores", "real numbers", "dtype complex128"),
        ([1, -1], [None, "0.2"], None, "scores", "real numbers", "objects (text among them)"),
    ],
)
def test_input_errors(function, y_true, scores, pos_label, parameter, allowed, got):
    name = function.__name__
    message = f"The '{parameter}' parameter of {name} must be {allowed}. Got {got} instead."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        function(y_true, scores, pos_label=pos_label)


@pytest.mark.parametrize("score", [{}, 1j, "nine"])
def test_score_objects_that_are_no_numbers(score):
    with pytest.raises(ValueError, match=r"'scores' .* must be real numbers\. Got objects \(.+\)"):
        auroc([1, -1], np.array([1.0, score], dtype=object))


@pytest.mark.parametrize("tpr", [0, 0.0, -0.1, 1.0001, 95, NAN, INF, "0.95", None, True])
def test_tpr_outside_its_interval(tpr):
    message = rf"'tpr' parameter of fpr_at_tpr must be a float in \(0, 1\]\. Got {tpr!r} instead"
    with pytest.raises(ValueError, match=message):
        fpr_at_tpr(PLUS_MINUS, SCORES, tpr=tpr)


@every_metric
def test_pandas_input(metric):
    pandas = pytest.importorskip("pandas")
    # An index that is not 0, 1, ... must not realign labels and scores.
    y_true = pandas.Series(PLUS_MINUS, index=[5, 3, 1, 0, 2, 4])
    assert metric(y_true, pandas.Series(SCORES)) == metric(PLUS_MINUS, SCORES)
    nullable = y_true.astype("Int64")
    assert metric(nullable, pandas.Series(SCORES)) == metric(PLUS_MINUS, SCORES)
    nullable.iloc[2] = pandas.NA  # becomes NaN or stays itself, by the version of pandas
    for missing in [nullable, nullable.astype(object).to_numpy()]:
        with pytest.raises(ValueError, match=r"'y_true' .* missing labels\. Got 1 missing"):
            metric(missing, SCORES)


@every_metric
def test_input_is_left_alone_and_the_answer_is_a_float(metric):
    y_true, scores = np.array(PLUS_MINUS), np.array(SCORES)
    y_true.flags.writeable = scores.flags.writeable = False
    assert type(metric(y_true, scores)) is float
