"""`skood detect`: a file in, decisions and their reasons out."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from skood import ConformalOutlierDetector, KNNOutlierDetector, make_outlier_detector
from skood.cli import main
from skood.cli._errors import CommandError

from ..processes import run_skood
from .cli_files import names_in, numbers, orders, strange_orders, write


@pytest.fixture
def folder(tmp_path):
    write(orders(300), tmp_path / "train.csv")
    write(strange_orders(), tmp_path / "new.csv")
    return tmp_path


def detect(folder, *more, fit="train.csv", score="new.csv", output="scores.csv"):
    arguments = ["--train", folder / fit, "--new", folder / score, "--output", folder / output]
    return main(["detect", *map(str, arguments), *map(str, more)])


def test_one_command_from_two_files_to_decisions(folder, capsys):
    assert detect(folder, "--id-column", "id", "--explain", 2) == 0
    scores = pd.read_csv(folder / "scores.csv", index_col="id")
    expected = ["score", "p_value", "decision", "top_1", "share_1", "top_2", "share_2", "reasons"]
    assert list(scores.columns) == expected
    assert list(scores.index) == list(strange_orders()["id"])
    assert scores.loc["r0007", ["decision", "top_1"]].tolist() == [-1, "width"]
    assert scores.loc["r0008", "top_1"] == "colour"
    reason = scores.loc["r0007", "reasons"].split("; ")[0]
    assert re.fullmatch(r"width = 60, expected [-.\d]+ to [.\d]+ \(\d+ %\)", reason)
    assert scores.loc["r0008", "reasons"].startswith('colour = "purple" (new), expected "red" ')
    assert (scores["share_1"] >= scores["share_2"]).all()
    assert ((scores["decision"] == -1) == (scores["p_value"] <= 0.05)).all()
    out, err = capsys.readouterr()
    assert "40 rows of new.csv scored" in out
    assert f"{(scores['decision'] == -1).sum()} flagged as out-of-distribution" in out
    assert out.splitlines()[5].split()[0] == "r0007"
    assert reason in out
    assert "rows with a 'colour' that no training row has: 1 ('purple')" in err
    assert names_in(folder) == ["new.csv", "scores.csv", "train.csv"]


def test_the_scores_are_those_of_the_same_estimators_in_python(tmp_path):
    train, new = numbers(200), numbers(30, seed=1)
    write(train, tmp_path / "train.csv")
    write(new, tmp_path / "new.csv")
    assert detect(tmp_path, "--alpha", 0.1, "--seed", 3) == 0
    scores = pd.read_csv(tmp_path / "scores.csv")
    detector = ConformalOutlierDetector(
        make_outlier_detector("tabular", random_state=3), alpha=0.1, random_state=3
    ).fit(train)
    np.testing.assert_allclose(scores["score"], detector.score_samples(new), rtol=1e-12)
    np.testing.assert_allclose(scores["p_value"], detector.p_values(new), rtol=1e-12)
    np.testing.assert_array_equal(scores["decision"], detector.predict(new))
    assert list(scores["row"]) == list(range(1, 31))


def test_without_p_values_all_rows_fit_and_the_detector_decides(tmp_path):
    train, new = numbers(60), numbers(30, seed=1)
    write(train, tmp_path / "train.csv")
    write(new, tmp_path / "new.csv")
    assert detect(tmp_path, "--alpha", "none", "--detector", "knn", "--scale", "none") == 0
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert list(scores.columns) == ["row", "score", "decision"]
    detector = KNNOutlierDetector().fit(train)
    np.testing.assert_allclose(scores["score"], detector.score_samples(new), rtol=1e-12)
    np.testing.assert_array_equal(scores["decision"], detector.predict(new))


def test_a_price_of_a_million_among_twenties_is_flagged_with_robust(tmp_path, capsys):
    train, new = numbers(300) * 3 + 20, numbers(30, seed=1) * 3 + 20
    train.iloc[3, 1] = 1e12
    new.iloc[4, 1] = 900_000.0
    write(train, tmp_path / "train.csv")
    write(new, tmp_path / "new.csv")
    assert detect(tmp_path) == 0
    named = f"skood detect: warning: A few values rule the column(s) {train.columns[1]!r}: "
    assert named in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "scores.csv").loc[4, "decision"] == 1
    assert detect(tmp_path, "--robust") == 0
    assert "warning" not in capsys.readouterr().err
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores.loc[4, "decision"] == -1
    assert scores["score"].idxmin() == 4
    detector = ConformalOutlierDetector(make_outlier_detector(robust=True), random_state=0)
    expected = detector.fit(train).score_samples(new)
    np.testing.assert_allclose(scores["score"], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["tabular", "auto", "embedding", "lcp", "knn", "lof", "kd", "md"])
def test_every_detector_finds_the_strange_row_and_says_why(folder, name):
    assert detect(folder, "--detector", name, "--id-column", "id", "--explain", 1, "--quiet") == 0
    scores = pd.read_csv(folder / "scores.csv")
    assert scores["score"].idxmin() == 7
    assert scores.loc[7, "top_1"] == "width"


@pytest.mark.parametrize("train", ["train.csv", "train.parquet"])
@pytest.mark.parametrize("new", ["new.csv", "new.parquet"])
@pytest.mark.parametrize("output", ["scores.csv", "scores.parquet"])
def test_csv_and_parquet_give_the_same(folder, train, new, output):
    write(orders(300), folder / "train.parquet")
    write(strange_orders(), folder / "new.parquet")
    more = ["--id-column", "id", "--explain", 5, "--quiet"]
    assert detect(folder, *more, output="first.csv") == 0
    assert detect(folder, *more, fit=train, score=new, output=output) == 0
    read = pd.read_csv if output.endswith("csv") else pd.read_parquet
    scores = read(folder / output).fillna({"reasons": ""})  # of typical rows
    # what pandas has written as text reads as the same numbers, so the scores are equal too
    first = pd.read_csv(folder / "first.csv").fillna({"reasons": ""})
    pd.testing.assert_frame_equal(scores, first, check_dtype=False, rtol=1e-12)


def test_columns_in_another_order_are_taken_by_name(folder):
    assert detect(folder, "--id-column", "id", "--quiet") == 0
    write(strange_orders()[["ok", "count", "id", "colour", "width", "length"]], folder / "new.csv")
    assert detect(folder, "--id-column", "id", "--quiet", output="other.csv") == 0
    assert (folder / "scores.csv").read_bytes() == (folder / "other.csv").read_bytes()


def test_ids_are_copied_as_they_are_written(tmp_path):
    write(numbers(100), tmp_path / "train.csv")
    names = ["007", "NA", "", "a,b", 'say "x"', "1e5"]
    write(numbers(6, seed=1).assign(id=names), tmp_path / "new.csv")
    assert detect(tmp_path, "--id-column", "id", "--quiet") == 0
    scores = pd.read_csv(tmp_path / "scores.csv", dtype={"id": str}, keep_default_na=False)
    assert list(scores["id"]) == names


def test_excluded_columns_may_be_in_one_file_only(tmp_path):
    write(numbers(100).assign(note="fine"), tmp_path / "train.csv")
    write(numbers(20, seed=1).assign(label=1), tmp_path / "new.csv")
    assert detect(tmp_path, "--exclude", "note", "label", "--quiet") == 0


def test_missing_values_are_refused_with_their_columns_or_filled(folder, capsys):
    train, new = orders(300), strange_orders()
    train.loc[:4, "length"] = np.nan
    new.loc[[1, 2, 3], "length"] = np.nan
    new.loc[[3, 5], "colour"] = None
    write(train, folder / "train.csv")
    write(new, folder / "new.csv")
    more = ["--id-column", "id"]
    assert detect(folder, *more) == 3
    assert "train.csv has 5 missing values (5 in 'length') in 5 of its rows" in (
        capsys.readouterr().err
    )
    write(orders(300), folder / "train.csv")
    assert detect(folder, *more) == 3
    assert (
        "new.csv has 5 missing values (3 in 'length', 2 in 'colour') in 4 of its rows: fill them "
        "with --missing median, or leave the columns out with --exclude.\n"
    ) in capsys.readouterr().err
    assert names_in(folder) == ["new.csv", "train.csv"]
    write(train, folder / "train.csv")
    assert detect(folder, *more, "--missing", "median", "--explain", 5) == 0
    scores = pd.read_csv(folder / "scores.csv")
    assert np.isfinite(scores["score"]).all()
    assert scores.loc[5, "top_1"] == "colour"  # no training row lacks one


def test_infinite_values_are_refused_though_missing_ones_are_filled(folder, capsys):
    new = strange_orders()
    new.loc[4, "width"] = -np.inf
    write(new, folder / "new.csv")
    assert detect(folder, "--id-column", "id", "--missing", "median") == 3
    assert "1 infinite value (1 in 'width') in 1 of its rows" in capsys.readouterr().err


def test_numbers_that_are_names_of_categories(tmp_path):
    random = np.random.default_rng(0)
    train = numbers(300, 2).assign(zip=random.choice([10115, 80331], 300))
    new = numbers(20, 2, seed=1).assign(zip=80331)
    new.loc[3, "zip"] = 50000  # between the two as a number, far from both as a name
    write(train, tmp_path / "train.csv")
    write(new, tmp_path / "new.csv")
    assert detect(tmp_path, "--categorical", "zip", "--explain", 1, "--quiet") == 0
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores.loc[3, "top_1"] == "zip"
    assert scores["score"].idxmin() == 3


def test_fail_on_ood_is_told_by_the_exit_status(folder):
    assert detect(folder, "--id-column", "id", "--fail-on-ood", "--quiet") == 1
    write(orders(300).head(1), folder / "new.csv")
    assert detect(folder, "--id-column", "id", "--fail-on-ood", "--quiet") == 0


def test_quiet_says_nothing(folder, capsys):
    assert detect(folder, "--id-column", "id", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_too_few_rows_for_p_values(tmp_path, capsys):
    write(numbers(60), tmp_path / "train.csv")
    write(numbers(5), tmp_path / "new.csv")
    assert detect(tmp_path) == 3
    assert (
        "15 of the 60 training rows calibrate p-values, and --alpha 0.05 needs 19: "
    ) in capsys.readouterr().err
    assert detect(tmp_path, "--alpha", 0.07) == 0


def test_a_long_output_is_replaced_only_by_a_whole_one(folder, capsys):
    (folder / "scores.csv").write_text("mine")
    write(strange_orders().drop(columns="width"), folder / "new.csv")
    assert detect(folder, "--id-column", "id") == 3
    assert "lacks the column 'width'" in capsys.readouterr().err
    assert (folder / "scores.csv").read_text() == "mine"


def test_exit_status_of_the_process(folder):
    files = ["--train", folder / "train.csv", "--new", folder / "new.csv"]
    files += ["--output", folder / "scores.csv"]
    done = run_skood("detect", *files, "--id-column", "id", "--fail-on-ood")
    assert done.returncode == 1
    assert "\r" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert main(["detect", *map(str, files), "--id-column", "nothing"]) == 2
    write(strange_orders().drop(columns="width"), folder / "new.csv")
    done = run_skood("detect", *files, "--id-column", "id")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("skood detect: error: new.csv lacks")
    assert "Traceback" not in done.stderr
    with pytest.raises(CommandError, match=r"new\.csv lacks"):  # its traceback is shown
        main(["detect", *map(str, files), "--id-column", "id", "--debug"])
