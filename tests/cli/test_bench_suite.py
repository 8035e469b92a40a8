"""Many sets with official splits: read, compared, ranked, written; wrong sets are named."""

from __future__ import annotations

import csv
from functools import partial

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from skood import KNNOutlierDetector, MahalanobisOutlierDetector
from skood._optional import is_installed
from skood.cli import main
from skood.comparison import (
    SuiteSet,
    compare_on_suite,
    draw_suite,
    read_suite,
    write_suite_csv,
)
from skood.metrics import auroc


def rows(seed, shift=3.0):
    rng = np.random.default_rng(seed)
    X_test = np.r_[rng.normal(size=(40, 3)), rng.normal([0, 0, shift], size=(20, 3))]
    return rng.normal(size=(80, 3)), X_test, np.repeat([1, -1], [40, 20])


def one(name, seed, shift=3.0, group=None):
    X_train, X_test, y = rows(seed, shift)
    return SuiteSet(name, group or name, X_train, X_test, y == 1)


@pytest.fixture
def suite(tmp_path):
    """Six sets in two folders; two of them share their origin."""
    folder = tmp_path / "sets"
    for number in range(6):
        path = folder / ("near" if number % 2 else "far") / f"set {number}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        X_train, X_test, y = rows(number, shift=1.0 if number % 2 else 4.0)
        origin = {"origin": "one source"} if number in (0, 2) else {}
        np.savez(path, X_train=X_train, X_test=X_test, y_test=y, **origin)
    return folder


def test_a_folder_is_read_in_the_order_of_its_names(suite):
    sets = list(read_suite(suite))
    assert [s.name for s in sets] == [
        *("far/set 0", "far/set 2", "far/set 4"),
        *("near/set 1", "near/set 3", "near/set 5"),
    ]
    assert [s.group for s in sets[:3]] == ["one source", "one source", "far/set 4"]
    X_train, X_test, y = rows(2, shift=4.0)
    np.testing.assert_array_equal(sets[1].X_train, X_train)
    np.testing.assert_array_equal(sets[1].X_test, X_test)
    np.testing.assert_array_equal(sets[1].is_in, y == 1)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_numbers_are_those_by_hand(suite, n_jobs):
    sets = list(read_suite(suite))
    detectors = {
        "knn": KNNOutlierDetector,
        "forest": partial(IsolationForest, n_estimators=20, random_state=0),
        "svm": OneClassSVM,
        "lof": partial(LocalOutlierFactor, novelty=True),
    }
    seen = []
    comparison = compare_on_suite(
        iter(sets), detectors, n_jobs=n_jobs, on_set=lambda *step: seen.append(step)
    )
    for i, make in enumerate(detectors.values()):
        for j, one_set in enumerate(sets):
            scores = make().fit(one_set.X_train).score_samples(one_set.X_test)
            expected = auroc(np.where(one_set.is_in, 1, -1), scores)
            assert comparison.auroc[i, j] == pytest.approx(expected, abs=1e-12)
    assert seen == [(j + 1, s.name) for j, s in enumerate(sets)]
    assert (comparison.fit_seconds > 0).all()
    assert not comparison.failures
    assert [about.n_out for about in comparison.sets] == [20] * 6
    np.testing.assert_array_equal(comparison.ranks(), rankdata(-comparison.auroc, axis=0))


def test_decision_functions_of_both_signs():
    class Distance:
        def fit(self, X):
            self.mean = X.mean(axis=0)

        def decision_function(self, X):
            return -np.linalg.norm(X - self.mean, axis=1)

    class OfPyOD(Distance):
        __module__ = "pyod.models.mine"

        def decision_function(self, X):
            return -super().decision_function(X)

    comparison = compare_on_suite([one("a", 0)], {"usual": Distance, "turned": OfPyOD})
    assert comparison.auroc[0, 0] == comparison.auroc[1, 0] > 0.8


@pytest.mark.skipif(not is_installed("pyod"), reason="pyod is not installed")
def test_detectors_of_pyod():
    from pyod.models.ecod import ECOD

    assert compare_on_suite([one("a", 0)], {"ecod": ECOD}).auroc[0, 0] > 0.65


def test_a_detector_that_fails_counts_as_chance_and_says_so():
    class FailsOnce(KNNOutlierDetector):
        def fit(self, X, y=None):
            if X[0, 0] == 7.0:
                raise RuntimeError("seven")
            return super().fit(X, y)

    bad = one("bad", 1)
    bad.X_train[0, 0] = 7.0
    comparison = compare_on_suite(
        [one("good", 0), bad], {"once": FailsOnce, "md": MahalanobisOutlierDetector}
    )
    assert comparison.auroc[0, 1] == 0.5
    assert comparison.auroc[0, 0] > 0.9
    assert comparison.failures == {("once", "bad"): "RuntimeError: seven"}
    assert np.isnan(comparison.fit_seconds[0, 1])


def test_the_interval_of_a_lead_takes_a_group_as_one():
    rng = np.random.default_rng(0)
    names = [f"s{i}" for i in range(60)]
    apart = compare_on_suite([one(name, 0) for name in names], {"a": KNNOutlierDetector})
    fields = vars(apart) | {"detectors": ("a", "b")}
    fields["auroc"] = np.vstack([0.8 + np.repeat(rng.normal(0.02, 0.1, 6), 10), np.full(60, 0.8)])
    apart = type(apart)(**fields)
    grouped = tuple(s._replace(group=str(i // 10)) for i, s in enumerate(apart.sets))
    together = type(apart)(**fields | {"sets": grouped})
    leads = [c.lead("a", "b") for c in (apart, together)]
    assert leads[0].mean == leads[1].mean
    widths = [lead.interval.high - lead.interval.low for lead in leads]
    assert widths[1] > 2 * widths[0]  # ten sets of one origin are no ten pieces of evidence


def test_the_critical_difference_is_that_of_the_published_table():
    # Demsar (2006), section 3.2.2: 4 classifiers on 14 data sets, q = 2.569
    comparison = compare_on_suite(
        [one(str(i), i) for i in range(14)],
        dict.fromkeys("abcd", MahalanobisOutlierDetector),
    )
    assert comparison.critical_difference() == pytest.approx(
        2.569 * np.sqrt(4 * 5 / (6 * 14)), 1e-3
    )
    assert (comparison.ranks() == 2.5).all()  # equal detectors tie


def test_the_command_ranks_writes_and_ends_with_its_verdict(suite, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["--suite", str(suite), "--output", str(output), "--detectors", "knn", "md"]
    assert main(["bench", *arguments, "--set", "n_neighbors=3"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Detectors compared on the sets of sets\n")
    assert "6 sets, in 5 groups of one origin." in text
    last = text.strip().splitlines()[-1]
    assert last.endswith(("contains 0).", "contains 0."))
    with (output / "bench.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 12
    by_hand = KNNOutlierDetector(n_neighbors=3)
    first = next(iter(read_suite(suite)))
    mean, scale = first.X_train.mean(axis=0), first.X_train.std(axis=0)
    by_hand.fit((first.X_train - mean) / scale)
    scores = by_hand.score_samples((first.X_test - mean) / scale)
    assert float(lines[0]["auroc"]) == pytest.approx(auroc(np.where(first.is_in, 1, -1), scores))
    markdown = (output / "bench.md").read_text(encoding="utf-8")
    assert markdown.count("\n| knn ") == 1
    if is_installed("matplotlib"):
        assert (output / "bench.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.write_bytes(b"no zip"), "The set far/set 0.npz cannot be read"),
        (lambda f: np.savez(f, X=np.ones((3, 2))), "it lacks X_train, X_test, y_test"),
        (
            lambda f: np.savez(f, X_train=np.ones((3, 2)), X_test=np.ones((2, 2)), y_test=[0, 1]),
            r"must have \+1 \(in-distribution\) and -1",
        ),
        (
            lambda f: np.savez(f, X_train=np.ones((3, 2)), X_test=np.ones((2, 2)), y_test=[1, 1]),
            r"must have \+1",
        ),
        (
            lambda f: np.savez(f, X_train=np.ones((3, 2)), X_test=np.ones((3, 2)), y_test=[1, -1]),
            "one for each of the 3 rows",
        ),
    ],
)
def test_a_wrong_set_is_named(suite, damage, message, capsys):
    damage(suite / "far" / "set 0.npz")
    with pytest.raises(ValueError, match=message):
        list(read_suite(suite))
    assert main(["bench", "--suite", str(suite), "--detectors", "knn"]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_wrong_arguments(suite, tmp_path, capsys):
    for arguments, message in [
        (["--suite", str(tmp_path / "none")], "is no folder"),
        (["--suite", str(suite), "--labels", "y"], "--labels is for the rows of one file"),
        (["--suite", str(suite), "--max-rows", "9"], "--max-rows is for the rows of one file"),
        (["--suite", str(suite), "--missing", "median"], "--missing is for the rows of one file"),
        (["--suite", str(suite), "--resamples", "9"], "--resamples is for the rows of one file"),
        (["--train", "x.csv", "--jobs", "2"], "--jobs is for the sets of --suite"),
        (
            ["--suite", str(suite), "--detectors", "knn", "--set", "n_neighbors=0"],
            "--set n_neighbors",
        ),
        (["--suite", str(suite), "--train", "x.csv"], "not allowed with argument"),
        ([], "one of the arguments --train --suite is required"),
    ]:
        try:
            status = main(["bench", *arguments])
        except SystemExit as stop:
            status = stop.code
        assert status == 2, arguments
        assert message in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["bench", "--suite", str(tmp_path / "empty")]) == 3
    assert "a folder with NPZ files" in capsys.readouterr().err


def test_columns_are_scaled_as_asked(suite, tmp_path, capsys):
    def first(*options):
        output = tmp_path / "out"
        arguments = ["--suite", str(suite), "--detectors", "knn", "--output", str(output)]
        assert main(["bench", *arguments, *options]) == 0
        capsys.readouterr()
        return next(csv.DictReader((output / "bench.csv").read_text().splitlines()))["auroc"]

    path = suite / "far" / "set 0.npz"
    with np.load(path) as file:
        arrays = dict(file)
    for name in ("X_train", "X_test"):
        arrays[name] = arrays[name] * [1e6, 1.0, 1.0]  # a unit that hides the other columns
    np.savez(path, **arrays)
    assert float(first()) > float(first("--scale", "none")) + 0.2


def test_bad_parameters_of_the_function():
    with pytest.raises(ValueError, match="a mapping of names"):
        compare_on_suite([one("a", 0)], {})
    with pytest.raises(ValueError, match="n_jobs"):
        compare_on_suite([one("a", 0)], {"knn": KNNOutlierDetector}, n_jobs=0)
    with pytest.raises(ValueError, match="sets with different names"):
        compare_on_suite([], {"knn": KNNOutlierDetector})
    with pytest.raises(ValueError, match="sets with different names"):
        compare_on_suite([one("a", 0), one("a", 1)], {"knn": KNNOutlierDetector})


def test_csv_and_picture_of_a_comparison(tmp_path):
    comparison = compare_on_suite([one("=a", 0)], {"knn": KNNOutlierDetector})
    write_suite_csv(tmp_path / "s.csv", comparison, escape_formulas=True)
    assert (tmp_path / "s.csv").read_text().splitlines()[1].startswith("'=a,")
    if is_installed("matplotlib"):
        assert draw_suite(comparison, "one set").axes
