"""`skood bench`: files in, tables, numbers and a picture out; mistakes in one sentence."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skood._optional import install_command, is_installed
from skood.cli import main
from skood.comparison import choose_protocol, compare_detectors

pd = pytest.importorskip("pandas", reason="pandas (extra 'io') is not installed")
pytest.importorskip("pyarrow", reason="pyarrow (extra 'io') is not installed")

from skood.cli._assembly import assemble  # noqa: E402
from skood.cli.files import RowLayout  # noqa: E402

from ..processes import SKOOD, Started, run_skood  # noqa: E402

X, classes = load_iris(return_X_y=True)
COLUMNS = ["length", "width", "petal length", "petal width"]
QUICK = ["--detectors", "knn", "md", "--resamples", "20"]


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "iris.npz"
    plus_minus = np.where(classes == 2, -1, 1)
    names = np.array(["setosa", "versicolor", "virginica"])[classes]
    objects = np.array([{}] * len(X), dtype=object)
    np.savez(path, X=X, y=classes, pm=plus_minus, names=names, Z=X[:, :2], few=classes[:7],
             parts=classes + 0.5, objects=objects, cube=X[:, None])  # fmt: skip
    return path


@pytest.fixture
def table(tmp_path):
    frame = pd.DataFrame(X.copy(), columns=COLUMNS)
    frame["kind"] = np.where(np.arange(len(X)) % 3 == 0, "wild", "tame")
    frame["species"] = np.array(["setosa", "versicolor", "virginica"])[classes]
    frame["number"] = np.arange(len(X))
    return frame


def bench(*arguments):
    """Run in this process."""
    return main(["bench", *map(str, arguments)])


def mean_auroc(text):
    """AUROC in percent by detector, out of the first table of a text or of Markdown."""
    line = r"^(?:\| )?(knn|md|lof|kd|lcp|tabular|embedding) +(?:\| +)?([\d.]+) "
    return {name: float(v) for name, v in reversed(re.findall(line, text, re.M))}


# ---------------------------------------------------------------------------------- results


def test_the_table_is_that_of_the_detectors_of_detect(npz, capsys):
    assert bench("--train", npz, *QUICK, "--seed", 3) == 0
    shown = mean_auroc(capsys.readouterr().out)
    layout = RowLayout("array", shape=(4,))
    expected = compare_detectors(
        X,
        classes,
        {name: lambda name=name: assemble(name, layout, seed=3) for name in ("knn", "md")},
        choose_protocol(classes, random_state=3),
        n_bootstrap=0,
    )
    for name, values in zip(expected.detectors, expected.values["auroc"], strict=True):
        assert shown[name] == round(100 * values.mean(), 1)


def test_all_files_are_written_and_say_the_same(npz, tmp_path, capsys):
    folder = tmp_path / "a" / "b"
    assert bench("--train", npz, *QUICK, "--output", folder) == 0
    printed = capsys.readouterr()
    markdown = (folder / "bench.md").read_text(encoding="utf-8")
    assert mean_auroc(markdown) == mean_auroc(printed.out)
    assert markdown.startswith("# Detectors compared on iris.npz\n")
    assert "|" not in printed.out
    verdict = " ".join(printed.out[printed.out.rindex("\n\n") :].split())
    assert verdict in " ".join(markdown.split())
    with (folder / "bench.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    for name, shown in mean_auroc(printed.out).items():
        values = [float(line["auroc"]) for line in lines if line["detector"] == name]
        assert round(100 * np.mean(values), 1) == shown
    names = {"bench.md", "bench.csv"}
    if is_installed("matplotlib"):
        names.add("bench.png")
        assert (folder / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in folder.iterdir()} == names
    assert f"written to {folder}" in printed.err


def test_labels_that_a_spreadsheet_would_run_are_escaped(tmp_path):
    names = np.array(["=1+1", "@SUM(A1)", "-5"])[classes]
    np.savez(tmp_path / "wild.npz", X=X, y=names)
    for more, expected in (([], {"=1+1", "@SUM(A1)", "-5"}),
                           (["--escape-formulas"], {"'=1+1", "'@SUM(A1)", "-5"})):  # fmt: skip
        assert bench("--train", tmp_path / "wild.npz", *QUICK, "--output", tmp_path, *more) == 0
        with (tmp_path / "bench.csv").open(newline="", encoding="utf-8") as file:
            assert {line["left_out"] for line in csv.DictReader(file)} == expected


def test_without_matplotlib_the_picture_is_left_out_and_that_is_said(
    npz, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert bench("--train", npz, *QUICK, "--output", tmp_path / "out") == 0
    assert f"no picture: {install_command('plots')} adds it" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"bench.md", "bench.csv"}


def test_the_same_seed_gives_the_same_table(npz, capsys):
    def stable(text):
        return re.sub(r"\d+\.\d\d +\d+\.\d\d$", "", text, flags=re.M)  # seconds

    texts = []
    for seed in (1, 1, 2):
        bench("--train", npz, *QUICK, "--seed", seed)
        texts.append(stable(capsys.readouterr().out))
    assert texts[0] == texts[1]
    assert mean_auroc(texts[0]) != mean_auroc(texts[2])


# ---------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["labels 'y' with 3", "a class is left out, 3 folds"]),
        (["--labels", "names"], ["\nsetosa ", "\nvirginica "]),
        (["--labels", "pm"], ["labelled +1 and -1, 5 folds", "all 50 -1 rows"]),
        (["--labels", "names", "--in-label", "setosa"], ["'setosa' for +1", "all 100 -1 rows"]),
        (["--clusters", "4"], ["a cluster is left out, 5 folds", "too good"]),
        (["--splits", "4"], ["4 folds; some are left out more than once"]),
        (["--array", "Z"], ["150 rows of 2 columns"]),
        (["--max-rows", "120"], ["120 rows of 4 columns, drawn at random from 150"]),
    ],
)
def test_the_report_says_what_was_done(npz, capsys, options, words):
    assert bench("--train", npz, *QUICK, *options) == 0
    text = capsys.readouterr().out
    told = text + " ".join(text.split())  # sentences go on in the next line
    assert [word for word in words if word not in told] == []


def test_labels_0_and_1_are_pointed_out(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", X=X, y=classes == 2, z=(classes == 2).astype(int))
    for name in ("y", "z"):
        assert bench("--train", tmp_path / "a.npz", *QUICK, "--labels", name) == 0
        assert "name it with --in-label" in " ".join(capsys.readouterr().out.split())


def test_an_npy_file_takes_labels_of_another_one(tmp_path, capsys):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", classes)
    assert bench("--train", tmp_path / "X.npy", "--labels", tmp_path / "y.npy", *QUICK) == 0
    assert "a class is left out, 3 folds" in capsys.readouterr().out
    assert bench("--train", tmp_path / "X.npy", *QUICK) == 0
    assert "a cluster is left out" in capsys.readouterr().out


# ---------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_with_categories(table, tmp_path, capsys, ending):
    path = tmp_path / f"iris.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    assert bench("--train", path, "--labels", "species", "--exclude", "number", *QUICK) == 0
    text = capsys.readouterr().out
    assert "150 rows of 5 columns; labels 'species' with 3" in text
    assert "\nvirginica " in text
    assert min(mean_auroc(text).values()) > 80


def test_numbers_as_labels_of_a_csv_file(table, tmp_path, capsys):
    path = tmp_path / "iris.csv"
    table.assign(species=np.where(classes == 2, -1, 1)).to_csv(path, index=False)
    assert bench("--train", path, "--labels", "species", "--exclude", "number", *QUICK) == 0
    assert "labelled +1 and -1" in capsys.readouterr().out


def test_clusters_are_found_in_encoded_and_filled_columns(table, tmp_path, capsys):
    path = tmp_path / "iris.csv"
    table.loc[[3, 70], "width"] = np.nan
    table.drop(columns=["species", "number"]).to_csv(path, index=False)
    assert bench("--train", path, *QUICK, "--missing", "median") == 0
    assert "a cluster is left out" in capsys.readouterr().out


# ---------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--labels", "nothing"], 2, "has no array 'nothing', which --labels names"),
        (["--array", "nothing"], 2, "has no array 'nothing'"),
        (["--labels", "few"], 3, "must be one for each of the 150 rows. Got the shape (7,)"),
        (["--labels", "parts"], 3, "Got numbers with fractions"),
        (["--labels", "objects"], 3, "must be an array of numbers or text"),
        (["--array", "cube"], 3, "Got rows of the shape (1, 4)"),
        (["--in-label", "9"], 3, "--in-label must be one of"),
        (["--labels", "pm", "--splits", "1"], 2, "--splits must be 2 or more"),
        (["--labels", "y", "--clusters", "3"], 2, "--clusters reads no labels"),
        (["--exclude", "width"], 2, "--exclude names columns"),
    ],
)
def test_mistakes_are_told_in_one_sentence(npz, tmp_path, capsys, options, status, words):
    assert bench("--train", npz, *QUICK, "--output", tmp_path / "out", *options) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("skood bench: error: ")
    assert words in printed.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--detectors", "nothing"], "invalid choice: 'nothing'"),
        (["--clusters", "1"], "must be an integer of 2 or more. Got '1'"),
        (["--splits", "0"], "must be an integer of 1 or more. Got '0'"),
    ],
)
def test_options_out_of_range_are_refused(npz, capsys, options, words):
    with pytest.raises(SystemExit) as stopped:
        bench("--train", npz, *options)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_files_that_cannot_be_used(table, tmp_path, capsys):
    table.loc[4, "species"] = None
    table.loc[7, "width"] = np.nan
    table.to_csv(tmp_path / "gaps.csv", index=False)
    (tmp_path / "damaged.npz").write_bytes(b"PK nothing of the kind")
    (tmp_path / "empty.csv").write_text("")
    cases = [
        (["gaps.csv", "--exclude", "width", "number", "--labels", "species"], 3, "no label in 1 "),
        (["gaps.csv", "--exclude", "number", "species"], 3, "1 missing value "),
        (["gaps.csv", "--labels", "kin"], 2, "no column 'kin', which --labels names"),
        (["gaps.csv", "--in-label", "tame", "--exclude", "number", "species", "width"], 2,
         "--in-label needs labels"),
        (["damaged.npz"], 3, "not a .npz file"),
        (["empty.csv"], 3, "is empty"),
        (["absent.npz"], 2, "There is no file"),
        (["."], 2, "is a folder without Parquet files"),
    ]  # fmt: skip
    for (name, *options), status, words in cases:
        assert bench("--train", tmp_path / name, *QUICK, *options) == status, name
        assert words in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told_before_the_work(npz, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert bench("--train", npz, *QUICK, "--output", tmp_path / "file") == 2
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------------------- terminal


def test_a_pipe_gets_the_table_and_no_progress(npz):
    done = run_skood("bench", "--train", npz, *QUICK)
    assert done.returncode == 0
    assert done.stderr == ""
    assert mean_auroc(done.stdout).keys() == {"knn", "md"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_gets_progress_that_is_wiped_out(npz, quiet):
    ours, theirs = os.openpty()
    options = ["--quiet"] if quiet else []
    run = Started(SKOOD, "bench", "--train", npz, *QUICK, *options, stderr=os.ttyname(theirs))
    done = run.wait()
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # how Linux says that the other end is closed
    os.close(ours)
    assert done.returncode == 0
    if quiet:
        assert shown == b""
        return
    lines = shown.decode().split("\r\x1b[K")
    assert lines[1].startswith("[1/8] knn, ")
    assert re.fullmatch(r"\[8/8\] md, resamples \(\d+ s left\)", lines[8])
    assert lines[-1] == ""


def test_nothing_heavy_is_loaded_to_describe_the_command():
    code = (
        "import sys; from skood.cli import _build_parser; _build_parser(); "
        "print([m for m in ('sklearn', 'numpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
