"""A column that lies outside the training rows in all new rows: told once; outliers are not."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from skood import KNNOutlierDetector, TableScaler, make_outlier_pipeline
from skood.cli import main

RANDOM = np.random.default_rng(0)


def rows(n=200, *, start=0, text=True):
    frame = pd.DataFrame({"event": RANDOM.permutation(n) * 1.5 + start, "x": RANDOM.normal(size=n)})
    return frame.assign(colour=RANDOM.choice(["red", "green"], n)) if text else frame


@pytest.mark.parametrize("text", [True, False])
def test_a_counter_that_goes_on_is_told_once_in_a_stream(text):
    detector = make_outlier_pipeline(TableScaler(), KNNOutlierDetector(), random_state=0)
    detector.fit(rows(text=text))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")  # as Python has it
        for block in range(100):
            detector.score_samples(rows(50, start=1000 + 50 * block, text=text))
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 1
    assert messages[0].startswith(
        "The column 'event' lies above the range of the training rows (0 to 298.5) in nearly all "
        "rows: leave it out of the fit if it is a counter or a clock, or convert it"
    )
    detector.fit(rows(text=text))
    with pytest.warns(UserWarning, match="'event' lies below the range"):
        detector.score_samples(rows(60, start=-900, text=text))


@pytest.mark.parametrize("text", [True, False])
def test_no_false_alarm(text):
    scaler = TableScaler().fit(rows(text=text))
    few, outliers, wide = rows(29, text=text), rows(200, text=text), rows(200, text=text)
    few["x"] += 50
    outliers.loc[:150, "x"] = 50.0  # three of four are odd
    wide["x"] *= 1e6  # on both sides
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for new in (few, outliers, wide):
            scaler.transform(new)
        TableScaler().fit(rows(text=False).to_numpy()).transform(np.full((99, 2), 1e6))
        scaler.transform(few.iloc[:1])


def test_row_numbers_beside_numbers_alone_are_warned_of():
    frame = rows(text=False).assign(event=np.arange(200))
    with pytest.warns(
        UserWarning, match=r"'event' has in each row an integer larger.*exclude=\['ev"
    ):
        scaler = TableScaler().fit(frame)
    assert scaler.transform(frame).shape == (200, 2)
    assert [column.high for column in scaler.schema_] == [199, frame["x"].max()]
    with pytest.warns(UserWarning, match="'event' lies above"):
        scaler.transform(frame.assign(event=frame["event"] + 1000))


def test_large_floats_are_no_row_numbers():
    frame = pd.DataFrame({"mass": RANDOM.normal(6e24, 1e23, 60), "t": RANDOM.normal(size=60)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableScaler().fit(frame)
    ids = (10**18 + 37 * RANDOM.integers(0, 10**6, 60)).astype("int64")
    for long in (ids, ids.astype(str)):
        with pytest.warns(UserWarning, match="'a' has integers as long as 10000000"):
            TableScaler().fit(pd.DataFrame({"a": long, "t": frame["t"]}))


def test_a_date_that_lies_after_the_training_rows():
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(RANDOM.integers(0, 900, 200), unit="D")
    scaler = TableScaler(dates="parts").fit(rows().assign(born=days))
    with pytest.warns(UserWarning, match=r"'born' lies above .* \(2020-01-.* to 2022-06-"):
        scaler.transform(rows().assign(born=days + pd.Timedelta(days=2000)))


def test_the_command_line(tmp_path, capsys):
    def run(*arguments):
        status = main([*map(str, arguments)])
        return status, *capsys.readouterr()

    train, new = tmp_path / "train.csv", tmp_path / "new.csv"
    rows(200).to_csv(train, index=False)
    rows(300, start=5000).to_csv(new, index=False)
    saved, output = tmp_path / "d.skood", tmp_path / "out.csv"
    options = ["--output", output, "--block-rows", 50, "--quiet"]
    status, _, err = run(
        "detect", "--train", train, "--new", new, "--detector", "knn", "--alpha", "none", *options
    )
    assert status == 0
    assert err.count("warning: The column 'event' lies above the range") == 1
    run("fit", "--train", train, "--save", saved, "--detector", "knn", "--alpha", "none", "--quiet")
    status, _, err = run("score", saved, "--new", new, *options)
    assert status == 0
    assert err.count("'event' lies above the range of the training rows (0 to 298.5)") == 1
    for against in (train, saved):
        status, out, _ = run("check", new, "--against", against)
        assert status == 3
        assert "- The column 'event' of new.csv lies above the range of the training rows" in out
        assert "1 finding" in out
