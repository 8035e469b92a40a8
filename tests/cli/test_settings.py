"""Parameters of a detector by `--set`, on every command that builds one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skood import KNNOutlierDetector, load, make_outlier_detector
from skood.cli import main
from skood.cli._assembly import assemble
from skood.cli._settings import settable
from skood.cli._table_arguments import DETECTORS
from skood.cli.arguments import setting
from skood.cli.files import RowLayout

from .cli_files import numbers, write


@pytest.fixture
def folder(tmp_path):
    write(numbers(60), tmp_path / "train.csv")
    write(numbers(9, seed=1), tmp_path / "new.csv")
    return tmp_path


def run(folder, command, *more):
    train = ["--train", folder / "train.csv"]
    output = ["--output", folder / "scores.csv"]
    files = {
        "fit": [*train, "--save", folder / "d.skood", "--alpha", "none"],
        "detect": [*train, "--new", folder / "new.csv", *output, "--alpha", "none"],
        "bench": [*train, "--clusters", "2", "--splits", "2", "--resamples", "0"],
    }[command]
    return main([command, *map(str, [*files, *more])])


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("n_neighbors=30", "n_neighbors", 30),
        ("a__b= 0.5", "a__b", 0.5),
        ("metric=cosine", "metric", "cosine"),
        ("metric='cosine'", "metric", "cosine"),
        ("n_folds=None", "n_folds", None),
        ("with_mean=False", "with_mean", False),
        ("bandwidth=(1, 2)", "bandwidth", (1, 2)),
        ("x=", "x", ""),
        ("x=a=b", "x", "a=b"),
        ("x=__import__('os')", "x", "__import__('os')"),  # nothing runs
        ("x=" + "(" * 500, "x", "(" * 500),
        ("x=" + "-" * 90_000 + "1", "x", "-" * 90_000 + "1"),
    ],
)
def test_values_are_python_or_else_text(text, name, value):
    assert setting(text) == (name, value)


@pytest.mark.parametrize("text", ["n_neighbors", "=3", "a b=3", "3=3", ""])
def test_what_is_no_name_and_value(folder, capsys, text):
    with pytest.raises(SystemExit, match=r"^2$"):
        run(folder, "fit", "--set", text)
    assert "must be a name and a value, such as n_neighbors=30" in capsys.readouterr().err


def test_fit_and_detect_set_them_in_the_detector(folder):
    more = ["--detector", "knn", "--set", "n_neighbors=3", "--set", "aggregation=max", "--quiet"]
    more += ["--scale", "none"]
    assert run(folder, "fit", *more) == 0
    saved = load(folder / "d.skood")
    assert (saved[-1].n_neighbors, saved[-1].aggregation) == (3, "max")
    assert run(folder, "detect", *more) == 0
    scores = pd.read_csv(folder / "scores.csv")["score"]
    train, new = numbers(60), numbers(9, seed=1)
    expected = KNNOutlierDetector(3, aggregation="max").fit(train).score_samples(new)
    np.testing.assert_allclose(scores, expected)


def test_other_steps_the_whole_and_the_preset(folder):
    more = ["--set", "partialwhitener__power=1.0", "--set", "contamination=0.2"]
    more += ["--set", "n_folds=4", "--set", "locality=0.0", "--quiet"]
    assert run(folder, "fit", "--detector", "embedding", *more) == 0
    saved, train = load(folder / "d.skood"), numbers(60)
    assert saved["partialwhitener"].power == 1.0
    assert (saved.contamination, saved[-1].contamination, saved.n_folds) == (0.2, 0.2, 4)
    detector = make_outlier_detector("embedding", locality=0.0, contamination=0.2, random_state=0)
    detector.set_params(partialwhitener__power=1.0, n_folds=4).fit(train)
    np.testing.assert_allclose(saved.score_samples(train), detector.score_samples(train))
    assert saved.offset_ == pytest.approx(detector.offset_)


def test_every_member_of_the_tabular_preset_gets_them(folder):
    more = ["--set", "n_neighbors=7", "--set", "normalscoretransformer__min_kurtosis=0.5"]
    assert (
        run(folder, "fit", *more, "--set", "outlierensemble__ranks__perplexity=3", "--quiet") == 2
    )
    longer = "outlierensemble__ranks__lcpoutlierdetector__perplexity=3.0"
    assert run(folder, "fit", *more, "--set", longer, "--quiet") == 0
    units, ranks, ellipse = load(folder / "d.skood")[-1].estimators_
    assert units.n_neighbors == ranks[-1].n_neighbors == 7
    assert ranks[0].min_kurtosis == ellipse[0].min_kurtosis == 0.5
    assert (units.perplexity, ranks[-1].perplexity) == (5.0, 3.0)


def test_bench_sets_them_where_a_detector_has_them(folder, capsys):
    detectors = ["--detectors", "knn", "md"]
    assert run(folder, "bench", *detectors) == 0
    before = capsys.readouterr().out
    assert run(folder, "bench", *detectors, "--set", "n_neighbors=1") == 0
    after = capsys.readouterr().out

    def line(text, name):
        return next(line for line in text.splitlines() if line.startswith(f"{name} "))

    assert line(before, "knn") != line(after, "knn")
    assert line(before, "md").split()[1] == line(after, "md").split()[1]


@pytest.mark.parametrize("command", ["fit", "detect", "bench"])
def test_unknown_names_are_refused_with_the_nearest_and_the_list(folder, capsys, command):
    more = ["--detectors", "knn", "md"] if command == "bench" else ["--detector", "knn"]
    assert run(folder, command, *more, "--quiet", "--set", "n_neighbours=3") == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert "--set names 'n_neighbours', which is no parameter of 'knn'" in err
    assert "(did you mean 'n_neighbors'?): name one of aggregation, algorithm, " in err
    assert "knnoutlierdetector__" not in err
    assert run(folder, command, *more, "--quiet", "--set", "steps=[]") == 2
    assert "--set names 'steps'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("n_neighbors=0", "The 'n_neighbors' parameter of KNNOutlierDetector must be an int in"),
        ("n_neighbors=many", "Got 'many' instead"),
        ("metric=3", "The 'metric' parameter of KNNOutlierDetector must be one of"),
        ("n_folds=1", "The 'n_folds' parameter of OutlierPipeline must be an int in [2, inf)"),
        ("tablescaler__missing=maybe", "The 'missing' parameter of TableScaler must be one of"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "bench"])
def test_wrong_values_are_refused_in_one_sentence(folder, capsys, command, value, allowed):
    more = ["--detectors", "knn"] if command == "bench" else ["--detector", "knn"]
    assert run(folder, command, *more, "--quiet", "--set", value) == 2
    err = capsys.readouterr().err
    assert f"error: --set {value.partition('=')[0]}: " in err
    assert allowed in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("kind", ["table", "array"])
def test_every_parameter_that_is_offered_can_be_set(name, kind):
    layout = RowLayout(kind, numbers=("a",) if kind == "table" else (), shape=(1,))
    pipeline = assemble(name, layout)
    known = settable(pipeline)
    assert {"contamination", "n_folds", "random_state"} <= set(known)
    given = pipeline.get_params()
    for places in known.values():
        pipeline.set_params(**{place: given[place] for place in places})
