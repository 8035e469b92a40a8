"""Detectors compared on given rows: folds, intervals, ranks, and what is written about them."""

from __future__ import annotations

import csv
import re
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline

from skood import KNNOutlierDetector, LOFOutlierDetector
from skood._optional import is_installed
from skood.cli.compare.intervals import (
    METRICS,
    draw_multiplicities,
    fold_interval,
    resampled_means,
    row_interval,
)
from skood.cli.compare.plain_text import comparison_text
from skood.cli.compare.verdict import verdict
from skood.comparison import (
    Comparison,
    Fold,
    choose_protocol,
    compare_detectors,
    comparison_markdown,
    draw_comparison,
    write_comparison_csv,
)
from skood.metrics import aupr_in, aupr_out, auroc, fpr_at_tpr

X, classes = load_iris(return_X_y=True)
PLUS_MINUS = np.where(classes == 2, -1, 1)
TWO = {"knn": KNNOutlierDetector, "lof": partial(LOFOutlierDetector, n_neighbors=5)}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare_detectors(X, classes, TWO, choose_protocol(classes), n_bootstrap=40)


def made_up(auroc_values) -> Comparison:
    """A comparison with these AUROC values and nothing else of interest."""
    values = np.array(auroc_values, dtype=float)
    names = tuple("abcdef"[: len(values)])
    rows = np.arange(2)
    fold = Fold("x", rows, rows, np.array([True, False]))
    return Comparison(
        protocol=choose_protocol([0, 1]),
        folds=(fold,) * values.shape[1],
        detectors=names,
        failures={},
        warnings={},
        values=dict.fromkeys(METRICS, values),
        flagged_in=values,
        flagged_out=values,
        fit_seconds=values,
        score_seconds=values,
        resampled=np.zeros((len(values), 0, 4)),
        confidence_level=0.95,
    )


# ---------------------------------------------------------------------------------- folds


def test_each_class_is_left_out_once():
    folds = list(choose_protocol(classes).folds(X, classes))
    assert sorted(fold.name for fold in folds) == ["0", "1", "2"]
    for fold in folds:
        left_out = classes == int(fold.name)
        assert not left_out[fold.train].any()
        np.testing.assert_array_equal(fold.test[~fold.is_in], np.flatnonzero(left_out))
        assert not np.intersect1d(fold.train, fold.test).size


def test_rows_labelled_minus_one_are_never_trained_on():
    folds = list(choose_protocol(PLUS_MINUS, n_splits=4).folds(X, PLUS_MINUS))
    assert len(folds) == 4
    for fold in folds:
        assert (PLUS_MINUS[fold.train] == 1).all()
        np.testing.assert_array_equal(fold.is_in, PLUS_MINUS[fold.test] == 1)
        assert (~fold.is_in).sum() == (PLUS_MINUS == -1).sum()


def test_whole_clusters_are_left_out_where_there_are_no_labels():
    protocol = choose_protocol(None, n_clusters=4)
    for fold in protocol.folds(X, None):
        clusters = protocol.groups(None)
        left_out = clusters[fold.test[~fold.is_in]]
        assert fold.name == f"cluster {left_out[0]}"
        assert len(set(left_out)) == 1
        assert left_out[0] not in clusters[fold.train]
        assert len(left_out) == (clusters == left_out[0]).sum()


def test_labels_choose_the_protocol():
    assert choose_protocol(classes).kind == "classes"
    assert choose_protocol(classes.astype(str)).kind == "classes"
    assert choose_protocol(PLUS_MINUS.astype(float)).kind == "labelled"
    assert choose_protocol(None).kind == "clusters"
    assert choose_protocol(classes, n_clusters=3).kind == "clusters"
    assert choose_protocol(np.arange(25)).splitter.n_splits == 10


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, 1.5, 2.0], "Got numbers with fractions instead"),
        ([1.0, np.nan, 2.0], r"have 1 missing value\(s\)"),
        ([7, 7, 7], "Got 7 in every row instead"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        choose_protocol(labels)


# ---------------------------------------------------------------------------------- intervals


def test_the_interval_over_folds_is_students():
    values = np.array([0.7, 0.8, 0.95])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    np.testing.assert_allclose(fold_interval(values, 0.9), expected)
    assert fold_interval(values[:1], 0.9) is None


def test_each_group_is_resampled_from_itself():
    times = draw_multiplicities(classes, 30, np.random.default_rng(0))
    for group in range(3):
        assert (times[:, classes == group].sum(axis=1) == (classes == group).sum()).all()
    assert len(np.unique(times, axis=0)) == 30


def test_resampled_means_are_those_of_rows_that_are_really_repeated():
    protocol = choose_protocol(classes)
    folds = list(protocol.folds(X, classes))
    generator = np.random.default_rng(0)
    scores = [np.round(generator.normal(fold.is_in, 1.0), 1) for fold in folds]  # with ties
    times = draw_multiplicities(classes, 6, generator)
    resampled = resampled_means(folds, scores, times)
    for drawn, means in zip(times, resampled, strict=True):
        rows = [np.repeat(np.arange(len(f.test)), drawn[f.test]) for f in folds]
        cases = [
            (np.where(f.is_in, 1, -1)[r], s[r]) for f, s, r in zip(folds, scores, rows, strict=True)
        ]
        metrics = (auroc, aupr_in, aupr_out, partial(fpr_at_tpr, tpr=0.95))
        expected = [np.mean([metric(*case) for case in cases]) for metric in metrics]
        np.testing.assert_allclose(means, expected, rtol=1e-12)


def test_a_resample_without_rows_of_one_kind_is_left_out_of_the_mean():
    fold = Fold("x", np.array([3]), np.arange(3), np.array([True, True, False]))
    scores = [np.array([2.0, 0.0, 1.0])]
    times = np.array([[2, 0, 1, 0], [0, 2, 1, 0], [0, 0, 1, 2]])
    means = resampled_means([fold], scores, times)
    np.testing.assert_array_equal(means[:, 0], [1.0, 0.0, np.nan])
    assert row_interval(means[:2, 0], 0.5) == (0.25, 0.75)
    assert row_interval(means[2:, 0], 0.5) is None


# ---------------------------------------------------------------------------------- numbers


def test_numbers_are_those_of_fitting_and_scoring_by_hand(comparison):
    for place, fold in enumerate(comparison.folds):
        detector = KNNOutlierDetector().fit(X[fold.train])
        labels, scores = np.where(fold.is_in, 1, -1), detector.score_samples(X[fold.test])
        assert comparison.values["auroc"][0, place] == auroc(labels, scores)
        assert comparison.values["aupr_out"][0, place] == aupr_out(labels, scores)
        assert comparison.values["fpr95"][0, place] == fpr_at_tpr(labels, scores, tpr=0.95)
        flagged = detector.predict(X[fold.test]) == -1
        assert comparison.flagged_in[0, place] == flagged[fold.is_in].mean()
        assert comparison.flagged_out[0, place] == flagged[~fold.is_in].mean()


def test_the_same_seed_gives_the_same_numbers(comparison):
    again = compare_detectors(X, classes, TWO, choose_protocol(classes), n_bootstrap=40)
    for metric in METRICS:
        np.testing.assert_array_equal(again.values[metric], comparison.values[metric])
    np.testing.assert_array_equal(again.resampled, comparison.resampled)
    other = compare_detectors(
        X, classes, TWO, choose_protocol(classes, random_state=1), n_bootstrap=0
    )
    assert not np.array_equal(other.values["auroc"], comparison.values["auroc"])


def test_wins_ranks_and_leads():
    comparison = made_up([[0.9, 0.8, 0.7], [0.9, 0.6, 0.9], [0.5, 0.7, 0.6]])
    np.testing.assert_array_equal(comparison.ranks().T, [[1.5, 1.5, 3], [1, 3, 2], [2, 1, 3]])
    np.testing.assert_array_equal(comparison.wins(), [1.5, 1.5, 0])
    tied = made_up([[0.6, 0.6], [0.8, 0.6]])
    assert tied.order() == ["b", "a"]
    mean, over_folds, over_rows = tied.lead("a")
    assert mean == pytest.approx(0.1)
    np.testing.assert_allclose(over_folds, fold_interval(np.array([0.2, 0.0]), 0.95))
    assert over_rows is None


def test_the_lead_over_rows_is_paired(comparison):
    best, other = comparison.order()
    places = {name: comparison.detectors.index(name) for name in (best, other)}
    draws = {name: comparison.resampled[place, :, 0] for name, place in places.items()}
    expected = np.quantile(draws[best] - draws[other], [0.025, 0.975])
    np.testing.assert_allclose(comparison.lead(other).over_rows, expected)
    assert comparison.lead(best).over_rows == (0, 0)


def test_class_labels_reach_the_detector_and_others_do_not():
    seen = []

    class Seeing(KNNOutlierDetector):
        def fit(self, X, y=None):
            seen.append(y)
            return super().fit(X, y)

    for labels in (classes, PLUS_MINUS, None):
        compare_detectors(
            X, labels, {"knn": Seeing}, choose_protocol(labels, n_splits=2), n_bootstrap=0
        )
    assert [None if y is None else len(set(y)) for y in seen] == [2, 2, None, None, None, None]


def test_frames_are_compared_with_clusters_of_their_numbers():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(name="text")
    detector = partial(make_pipeline, ColumnTransformer([("", "passthrough", list("abcd"))]))
    protocol = choose_protocol(None, n_splits=2)
    make = {"knn": lambda: detector(KNNOutlierDetector())}
    comparison = compare_detectors(frame, None, make, protocol, X_clusters=X, n_bootstrap=0)
    plain = compare_detectors(X, None, {"knn": KNNOutlierDetector}, protocol, n_bootstrap=0)
    np.testing.assert_array_equal(comparison.values["auroc"], plain.values["auroc"])
    with pytest.raises(ValueError, match="encode the other columns first"):
        compare_detectors(frame, None, make, protocol)


def test_a_detector_that_fails_is_named_and_the_others_go_on():
    broken = partial(KNNOutlierDetector, n_neighbors=-1)
    protocol = choose_protocol(classes)
    comparison = compare_detectors(X, classes, {"broken": broken, **TWO}, protocol, n_bootstrap=0)
    assert comparison.detectors == ("knn", "lof")
    assert "'n_neighbors' parameter" in comparison.failures["broken"]
    assert "- Not compared: broken. 2 left out: The 'n_neighbors'" in comparison_markdown(
        comparison, "iris"
    )
    with pytest.raises(ValueError, match=r"None of the detectors could be compared: broken \("):
        compare_detectors(X, classes, {"broken": broken}, protocol, n_bootstrap=0)


def test_warnings_are_counted_and_not_shown():
    greedy = partial(KNNOutlierDetector, n_neighbors=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        comparison = compare_detectors(
            X, classes, {"greedy": greedy}, choose_protocol(classes), n_bootstrap=0
        )
    assert sum(comparison.warnings.values()) == 3
    text = comparison_markdown(comparison, "iris")
    assert re.search(r"- Warning in \d of 3 folds, greedy: ", text)


def test_steps_are_told_in_order():
    steps = []
    compare_detectors(
        X, classes, TWO, choose_protocol(classes), n_bootstrap=5,
        on_step=lambda *step: steps.append(step),
    )  # fmt: skip
    assert [done for done, _, _ in steps] == list(range(9))
    assert {total for _, total, _ in steps} == {8}


# ---------------------------------------------------------------------------------- output


def _tables(text: str) -> list[list[list[str]]]:
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        for block in blocks
    ]


def test_the_tables_hold_the_numbers(comparison):
    metrics, costs, by_fold = _tables(comparison_markdown(comparison, "iris", ["150 rows"]))
    assert [line[0] for line in metrics[2:]] == comparison.order()
    for line in metrics[2:]:
        mean, over_folds, _ = comparison.estimate(line[0], "auroc")
        ends = np.clip(over_folds, 0, 1)
        assert line[1] == f"{100 * mean:.1f} ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"
    leads = [comparison.lead(name).over_rows for name in comparison.order()[1:]]
    assert [line[4] for line in costs[3:]] == [
        f"{100 * low:.1f} to {100 * high:.1f}" for low, high in leads
    ]
    assert [float(line[6]) for line in costs[2:]] == [
        round(comparison.ranks()[comparison.detectors.index(name)].mean(), 1)
        for name in comparison.order()
    ]
    assert [line[0] for line in by_fold[2:]] == [fold.name for fold in comparison.folds]
    assert [int(line[2]) for line in by_fold[2:]] == [50, 50, 50]


def test_table_lines_are_equally_wide(comparison):
    text = comparison_markdown(comparison, "x")
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(line) for line in block.splitlines()}) == 1


def test_the_verdict_names_those_that_the_folds_cannot_tell_from_the_best():
    text = comparison_markdown(
        made_up([[0.9, 0.91, 0.9], [0.89, 0.92, 0.88], [0.5, 0.51, 0.5]]), "x"
    )
    assert "There is no clear winner: a has the largest mean AUROC, 90.3 %. It leads b by " in text
    assert "ahead in 2 of 3 folds). Its lead may be chance over b (" in text
    clear = comparison_markdown(made_up([[0.9, 0.91, 0.9], [0.5, 0.5, 0.51]]), "x")
    assert (
        "a has the largest mean AUROC, 90.3 %. It leads b by 40.0 points (69.3 standard " in clear
    )
    assert "No interval of its lead over another detector contains 0." in clear
    third = made_up([[0.9, 0.91, 0.9], [0.5, 0.5, 0.51], [0.4, 0.95, 0.04]])
    assert verdict(third).startswith("a has the largest")
    assert "Its lead may be chance over c (" in verdict(third)


def test_the_verdict_of_one_detector_of_one_fold_and_of_chance():
    alone = verdict(made_up([[0.9, 0.91, 0.9]]))
    assert alone == "Only a was compared. Its mean AUROC is 90.3 %."
    assert "which may be chance: a coin has 50 %" in verdict(
        made_up([[0.5, 0.6, 0.4], [0.4, 0.5, 0.3]])
    )
    equal = verdict(made_up([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]]))
    assert equal.startswith("There is no clear winner: ")
    assert "0.0 points (ahead in 0 of 3 folds)" in equal
    single = compare_detectors(X, classes, TWO, choose_protocol(classes, n_splits=1), n_bootstrap=0)
    assert "One fold cannot show whether that is chance." in verdict(single)


@pytest.mark.parametrize("columns", [80, 140])
def test_the_text_fits_the_terminal_and_ends_with_the_verdict(comparison, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = comparison_text(comparison, "iris", ["150 rows"])
    assert max(map(len, text.splitlines())) <= columns
    assert not re.search(r"^[|#]", text, flags=re.MULTILINE)
    assert " ".join(text.split()).endswith(verdict(comparison))
    for name in comparison.order():
        mean = comparison.estimate(name, "auroc").mean
        assert re.search(rf"^{name} +{100 * mean:.1f} ", text, flags=re.MULTILINE)


def test_a_lead_that_resampled_rows_do_not_bear_out_is_none():
    comparison = made_up([[0.9, 0.91, 0.9], [0.8, 0.81, 0.8]])
    means = np.zeros((2, 3, 4))
    means[1, 0] = 0.1  # in one resample of three the other one is better
    text = comparison_markdown(replace(comparison, resampled=means), "x")
    assert "Its lead may be chance over b (" in text


def test_a_single_fold_has_no_interval():
    single = compare_detectors(X, classes, TWO, choose_protocol(classes, n_splits=1), n_bootstrap=0)
    metrics, costs, _ = _tables(comparison_markdown(single, "iris"))
    assert not any("(" in cell for line in metrics for cell in line)
    assert costs[2][1:3] == ["-", "-"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (classes, ["a class is left out, 3 folds", "nearest class"]),
        (PLUS_MINUS, ["labelled +1 and -1, 5 folds", "all 50 -1 rows"]),
        (None, ["a cluster is left out, 5 folds", "too good"]),
    ],
)
def test_the_report_says_how_rows_were_divided(labels, words):
    comparison = compare_detectors(X, labels, TWO, choose_protocol(labels), n_bootstrap=0)
    text = comparison_markdown(comparison, "iris")
    assert all(word in text for word in [*words, "one data set"])


def test_csv_has_every_fold(comparison, tmp_path):
    path = tmp_path / "bench.csv"
    write_comparison_csv(path, comparison)
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["detector"], line["left_out"]) for line in lines] == [
        (name, fold.name) for name in comparison.detectors for fold in comparison.folds
    ]
    read = np.array([float(line["fpr95"]) for line in lines]).reshape(2, 3)
    np.testing.assert_array_equal(read, comparison.values["fpr95"])
    assert [int(line["n_train"]) for line in lines[:3]] == [len(f.train) for f in comparison.folds]
    assert [file.name for file in tmp_path.iterdir()] == ["bench.csv"]


@pytest.mark.skipif(not is_installed("matplotlib"), reason="matplotlib is not installed")
def test_the_picture_shows_every_detector_and_fold(comparison):
    figure = draw_comparison(comparison, "iris")
    panels = figure.axes
    assert [panel.get_title("left") for panel in panels] == [
        "AUROC, %: higher is better",
        "AUPR-out, %: higher is better",
        "FPR95, %: lower is better",
    ]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == comparison.order()
    first = comparison.detectors.index(comparison.order()[0])
    for panel, metric in zip(panels, ("auroc", "aupr_out", "fpr95"), strict=True):
        drawn = [line.get_xdata() for line in panel.lines]
        expected = 100 * comparison.values[metric][first]
        assert any(np.array_equal(np.ravel(x), expected) for x in drawn)
        assert any(np.allclose(np.ravel(x), [expected.mean()]) for x in drawn if np.size(x) == 1)
