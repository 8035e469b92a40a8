"""`skood check` names all that has to be decided, in one pass."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skood.cli import main

from .cli_files import orders, write


def checked(capsys, *arguments):
    status = main(["check", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out, err


def test_all_findings_at_once_with_the_command_that_answers_them(tmp_path, capsys):
    frame = orders(60).assign(event=np.arange(60), note=[f"note {i}" for i in range(60)])
    frame.loc[3:5, "length"] = np.nan
    path = write(frame, tmp_path / "train.csv")
    status, out, _ = checked(capsys, path)
    assert status == 3
    assert "train.csv: 60 rows" in out
    assert "category; blue, green, red" in out
    for column in ("id", "event", "note", "length"):
        assert f"- The column '{column}' of train.csv" in out
    assert "4 findings" in out
    last = out.splitlines()[-1]
    assert last.startswith("skood fit ")
    assert "--missing median" in last
    options = ["--id-column", "id", "--exclude", "event", "note", "--missing", "median"]
    status, out, _ = checked(capsys, path, *options)
    assert (status, "nothing to decide" in out) == (0, True)


def test_against_the_training_rows_and_a_detector(tmp_path, capsys):
    train = write(orders(120), tmp_path / "train.csv")
    fit = ["fit", "--train", train, "--save", tmp_path / "d.skood", "--id-column", "id", "--quiet"]
    assert main([*map(str, fit), "--detector", "knn"]) == 0
    new = orders(20, seed=1).drop(columns="width").assign(more=1, length="long")
    new["colour"] = ["purple", *new["colour"][1:]]
    path = write(new, tmp_path / "new.csv")
    for against in (train, tmp_path / "d.skood"):
        status, out, _ = checked(capsys, path, "--against", against, "--id-column", "id")
        assert status == 3
        assert "lacks the column 'width' of the training rows" in out
        assert "'length' of new.csv has text where numbers belong, first in row 1: 'long'" in out
        assert "'colour' of new.csv has categories in 1 row that no training row has" in out
        status, out, _ = checked(capsys, train, "--against", against, "--id-column", "id")
        assert (status, out.splitlines()[-1].split()[0]) == (0, "skood")


def test_a_file_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    status, out, err = checked(capsys, tmp_path / "bad.csv")
    assert (status, out) == (3, "")
    assert "Row 2 of bad.csv has 1 value for 2 columns" in err
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    assert checked(capsys, tmp_path / "a.npy")[0] == 2


def test_a_clock_and_gaps_of_the_new_rows(tmp_path, capsys):
    train = pd.DataFrame({"t": np.arange(60) * 0.5, "x": np.random.default_rng(0).normal(size=60)})
    new = train.assign(t=train["t"] + 90)
    new.loc[4, "x"] = np.nan
    files = [write(new, tmp_path / "new.csv"), "--against", write(train, tmp_path / "train.csv")]
    status, out, _ = checked(capsys, *files)
    assert status == 3
    assert "'t' of new.csv lies outside the range of the training rows" in out
    assert "'x' of new.csv lacks 1 value:" in out
