"""Columns that the file of new rows names or writes otherwise than that of the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skood.cli import main
from skood.explanation.dates import iso_date

RANDOM = np.random.default_rng(0)
TRAIN = pd.DataFrame({"a": RANDOM.normal(size=60)})
NEW = pd.DataFrame({"a": RANDOM.normal(size=12)})


def run(tmp_path, capsys, train, new, *options, command="detect"):
    """Fit to a Parquet file, and score a CSV file."""
    TRAIN.assign(**train).to_parquet(tmp_path / "train.parquet")
    NEW.assign(**new).to_csv(tmp_path / "new.csv", index=False)
    files = ["--train", tmp_path / "train.parquet", "--new", tmp_path / "new.csv"]
    more = ["--output", tmp_path / "s.csv", "--detector", "knn", "--alpha", "none", *options]
    status = main([command, *map(str, [*files, *more])])
    return status, capsys.readouterr().err


CODES = RANDOM.integers(1, 12, 60)


@pytest.mark.parametrize(
    ("train", "new"),
    [
        (CODES < 6, np.resize(["WAHR", "FALSCH"], 12)),
        (CODES < 6, np.resize(["ja", "nein"], 12)),
        ([f"{code:02}" for code in CODES], CODES[:12]),
        ([f"{code:02}" for code in CODES], [f"{code} " for code in CODES[:12]]),
        (CODES.astype(str), [f"{code:02}" for code in CODES[:12]]),
    ],
)
def test_the_same_categories_spelled_otherwise(tmp_path, capsys, train, new):
    status, err = run(tmp_path, capsys, {"v": train}, {"v": new})
    assert (status, "no training row has" in err) == (0, False)


@pytest.mark.parametrize(
    ("train", "new", "status", "said"),
    [
        (RANDOM.integers(1500, 3000, 60), [f"2.{i:03}" for i in range(12)], 3, "--decimal ,."),
        (RANDOM.integers(0, 40, 60), [f"2.{i:03}" for i in range(12)], 0, "written"),
        (RANDOM.normal(2, 0.3, 60), [f"2.{i:03}" for i in range(12)], 0, "written"),
        (list("ab") * 30, [None] * 12, 3, "No row of new.csv has a value in 'v'"),
    ],
)
def test_what_could_be_read_wrongly_in_silence(tmp_path, capsys, train, new, status, said):
    found, err = run(tmp_path, capsys, {"v": train}, {"v": new}, "--missing", "median")
    assert (found, said in err) == (status, True)


def test_integers_that_no_float_holds_are_no_categories(tmp_path, capsys):
    long = (9_007_199_254_740_993 + CODES).astype(str)
    TRAIN.assign(v=long).to_parquet(tmp_path / "train.parquet")
    NEW.assign(v=long[:12].astype(np.int64)).to_parquet(tmp_path / "new.parquet")
    files = ["--train", tmp_path / "train.parquet", "--new", tmp_path / "new.parquet"]
    assert (
        main(["detect", *map(str, [*files, "--output", tmp_path / "s.csv", "--alpha", "none"])])
        == 3
    )
    assert "has integers that a float cannot hold" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Unit Price", "unit_price ", "UNIT-PRICE", "unit_prise"])
def test_did_you_mean(tmp_path, capsys, name):
    _, err = run(tmp_path, capsys, {"unit_price": TRAIN["a"]}, {name: NEW["a"]})
    assert f"Did you mean {name!r} for 'unit_price'?" in err
    _, err = run(tmp_path, capsys, {"x": TRAIN["a"]}, {"x": NEW["a"]}, "--exclude", "X ")
    assert "its columns are 'a', 'x'. Did you mean 'x' for 'X '?" in err


def test_dates_of_a_file_are_told_and_explained(tmp_path, capsys):
    days = RANDOM.integers(19_000, 19_700, 60)
    dates = pd.to_datetime(days, unit="D")
    serial = days[:12] + 25_569.0  # of Excel
    serial[0] = 10_959.0  # 1930-01-01
    options = ["--dates", "parts", "--explain", "2"]
    status, err = run(tmp_path, capsys, {"when": dates}, {"when": serial}, *options)
    assert status == 0
    assert "'when' of new.csv is read as dates of the format Excel" in err
    reason = pd.read_csv(tmp_path / "s.csv")["reasons"][0]
    assert reason.startswith("when = 1930-01-01, expected 20")
    first, last = reason.split("expected ")[1].split(" (")[0].split(" to ")
    assert {first, last} <= {iso_date(day) for day in days.tolist()}


def test_an_output_among_the_rows_of_an_input(tmp_path, capsys):
    folder = tmp_path / "rows"
    folder.mkdir()
    TRAIN.to_parquet(folder / "a.parquet")
    inside = [folder / "s.parquet", folder / "more" / "s.parquet"]
    inside[1].parent.mkdir()
    for output in inside:
        for command in (
            ["detect", "--train", folder, "--new", folder, "--output", output],
            ["fit", "--train", folder, "--save", output],
            ["bench", "--train", folder, "--output", output],
            ["score", tmp_path / "d.skood", "--new", folder, "--output", output],
        ):
            assert main([*map(str, command)]) == 2
            assert "in the input folder" in capsys.readouterr().err
    assert sorted(path.name for path in folder.rglob("*")) == ["a.parquet", "more"]
