"""Dates as features: read, taken apart, and matched with those of other files."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skood import KNNOutlierDetector, TableScaler, explain, load, make_outlier_pipeline
from skood.cli import main

HOURS = pd.to_timedelta(np.random.default_rng(0).integers(0, 24 * 800, 80), unit="h")
DATES = pd.Series(pd.Timestamp("2024-01-01") + HOURS)
PARTS = ("hour", "weekday", "month", "age")


def frame_of(dates):
    return pd.DataFrame({"x": np.random.default_rng(1).normal(size=len(dates)), "when": dates})


def fitted(dates, **options):
    return TableScaler(**{"dates": "parts", **options}).fit(frame_of(dates))


def features(scaler, dates):
    return scaler.transform(frame_of(dates))[:, 1:]


def test_the_parts():
    scaler = fitted(DATES)
    (when,) = [column for column in scaler.schema_ if column.name == "when"]
    assert when.kind == "date"
    assert when.parts == PARTS
    names = list(scaler.get_feature_names_out())
    assert names[1:4] == ["when (hour, sine)", "when (hour, cosine)", "when (weekday, sine)"]
    assert list(scaler.feature_owners_) == ["x"] + ["when"] * 7
    # a time of day, a day of the week, a day of the year: each comes again
    new = pd.Series(pd.to_datetime(["2030-01-07 23:59", "2030-01-08 00:00", "2030-01-07 12:00"]))
    hour = features(scaler, new)[:, :2]
    assert np.abs(hour[0] - hour[1]).max() < 0.01
    assert np.abs(hour[0] - hour[2]).max() > 1
    weeks = features(scaler, pd.Series(pd.to_datetime(["2030-01-07", "2030-01-14", "2030-01-12"])))
    np.testing.assert_allclose(weeks[0, 2:4], weeks[1, 2:4])
    assert np.abs(weeks[0, 2:4] - weeks[2, 2:4]).max() > 0.5
    years = features(scaler, pd.Series(pd.to_datetime(["2029-12-31", "2030-01-01", "2030-07-01"])))
    assert np.abs(years[0, 4:6] - years[1, 4:6]).max() < 0.1
    assert np.abs(years[0, 4:6] - years[2, 4:6]).max() > 1
    # and each weighs as much as one column of numbers
    spread = features(scaler, DATES).var(axis=0)
    np.testing.assert_allclose(spread, [0.5] * 6 + [1.0])


@pytest.mark.parametrize(
    ("dates", "parts"),
    [
        (DATES.sort_values(), ("hour", "weekday", "month")),  # new rows would all be younger
        (DATES.dt.normalize(), ("weekday", "month", "age")),
        (pd.Series(pd.date_range("2024-01-01 08:00", periods=80, freq="h")), ("hour",)),
        (pd.Series([f"{h % 24}:{h % 60:02}" for h in range(80)]), ("hour", "age")),
    ],
)
def test_only_parts_that_new_rows_can_share(dates, parts):
    dates = dates.reset_index(drop=True)
    assert fitted(dates).schema_[1].parts == parts
    chosen = fitted(dates, schema={"when": {"kind": "date", "parts": ["weekday", "age"]}})
    assert chosen.schema_[1].parts == ("weekday", "age")


@pytest.mark.parametrize(
    "written",
    [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%d.%m.%Y %H:%M",
        "%d/%m/%Y %H:%M:%S",
        "%m/%d/%Y %I:%M %p",
        "%d-%b-%Y %H:%M",
        "%b %d, %Y, %H:%M",
        "%Y%m%dT%H%M",
        "%a, %d. %B %Y %H:%M Uhr",
        "%A, %B %d %Y, %H:%M",
    ],
)
def test_text_is_read_as_the_dates_that_it_means(written):
    expected = features(fitted(DATES), DATES)
    text = DATES.dt.strftime(written)
    scaler = fitted(text, schema={"when": "date"})
    np.testing.assert_allclose(features(scaler, text), expected)
    # the other file writes the same dates otherwise
    np.testing.assert_allclose(features(fitted(DATES), text), expected)
    np.testing.assert_allclose(features(scaler, DATES), expected)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_frames(library):
    make = {"polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}[library]
    expected = fitted(DATES).transform(frame_of(DATES))
    frame = make(frame_of(DATES))
    scaled = TableScaler(dates="parts").fit(frame).transform(frame)
    np.testing.assert_allclose(scaled, expected)
    days = make(frame_of(DATES.dt.date))
    assert TableScaler(dates="parts").fit(days).schema_[1].parts == ("weekday", "month", "age")


def test_time_zones_are_read_in_utc():
    berlin = DATES.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    scaler = fitted(berlin)
    expected = features(fitted(DATES), DATES)
    np.testing.assert_allclose(features(scaler, berlin), expected)
    text = berlin.map(lambda moment: moment.isoformat())
    np.testing.assert_allclose(features(scaler, text), expected)
    np.testing.assert_allclose(features(fitted(text), berlin), expected)
    with pytest.raises(ValueError, match="'when' has dates with no time zone, and the training"):
        features(scaler, DATES)
    with pytest.raises(ValueError, match="'when' has dates with a time zone, and the training"):
        features(fitted(DATES), text)
    mixed = text.where(np.arange(80) > 3, DATES.astype(str))
    with pytest.raises(ValueError, match="'when' has dates with and without a time zone"):
        fitted(mixed)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (
            ["01/02/2024", "03/04/2024"] * 40,
            "the day or the month can come first: name its format in a schema, as '%.*' or '%.*', "
            "or leave it out",
        ),
        (["2024-01-02", "03.04.2024"] * 40, "several ways, such as '2024-01-02' and '03.04.2024'"),
        (
            ["2024-01-02"] * 79 + ["2024-02-30"],
            "cannot be read, first in row 80: '2024-02-30': correct it, or treat it as miss",
        ),
        (
            ["2024-01-02"] * 79 + ["0000-00-00"],
            "cannot be read, first in row 80: '0000-00-00': correct it, or treat it as mi",
        ),
        (
            ["3. März 2024", "14. Mai 2025"] * 40 + ["5. Mayor 2024"],
            "'when' has text where dates belong, first in row 81: '5. Mayor 2024': correct it, or",
        ),
        (["2024-01-02"] * 80, "lie close together"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(dates, message):
    with pytest.raises(ValueError, match=message) as caught:
        fitted(dates)
    assert "The column 'when'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_schema_says_what_comes_first_and_what_is_missing():
    told = {"kind": "date", "format": "%m/%d/%Y", "na": ["0000-00-00"]}
    text = DATES.dt.strftime("%m/%d/%Y").where(DATES.dt.day < 13, "01/02/2024")
    text[3] = "0000-00-00"
    scaler = TableScaler(schema={"when": told}, missing="median").fit(frame_of(text))
    assert scaler.schema_[1].missing == 1 / 80
    days = pd.to_datetime(text.where(text != "0000-00-00"), format="%m/%d/%Y")
    expected = TableScaler(dates="parts", missing="median").fit(frame_of(days))
    np.testing.assert_allclose(scaler.transform(frame_of(text)), expected.transform(frame_of(days)))
    with pytest.raises(ValueError, match=r"cannot be read as dd\.mm\.yyyy"):
        TableScaler(schema={"when": {"kind": "date", "format": "dd.mm.yyyy"}}).fit(frame_of(text))


def test_missing_dates_and_years_far_away():
    dates = DATES.astype("datetime64[us]").copy()
    dates[5] = pd.NaT
    with pytest.raises(ValueError, match=r"1 in 'when'.*missing='median'"):
        fitted(dates)
    assert np.isfinite(features(fitted(dates, missing="median"), dates)).all()
    text = DATES.dt.strftime("%d.%m.%Y").copy()
    text[7] = "31.12.9999"  # "for ever"
    scaler = fitted(text)
    assert scaler.schema_[1].describe().endswith("9999-12-31")
    assert np.argmax(features(scaler, text)[:, -1]) == 7
    with pytest.raises(
        ValueError, match=r"'when' has text that is not a date.* row 2: '31\.12\.99999'"
    ):
        features(scaler, ["31.12.2024", "31.12.99999"])


def test_an_odd_time_of_day_is_found():
    days = pd.date_range("2024-01-01", periods=200, freq="D")
    random = np.random.default_rng(0)
    work = days + pd.to_timedelta(random.uniform(8, 17, 200), unit="h")
    detector = make_outlier_pipeline(TableScaler(dates="parts"), KNNOutlierDetector())
    detector.fit(frame_of(work))
    new = pd.Series(pd.to_datetime(["2024-08-05 10:00", "2024-08-06 03:00", "2024-08-07 15:00"]))
    rows = frame_of(new).assign(x=0.0)
    assert np.argmin(detector.score_samples(rows)) == 1
    explanation = explain(detector, rows)
    assert explanation.feature_names[np.argmax(explanation.shares[1])] == "when"


def test_dates_are_left_out_unless_asked_for():
    with pytest.warns(UserWarning, match="dates='parts' makes features of them"):
        scaler = TableScaler().fit(frame_of(DATES))
    assert scaler.transform(frame_of(DATES)).shape == (80, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert TableScaler(schema={"when": "date"}).fit(frame_of(DATES)).dates_ == ["when"]
        TableScaler(schema={"when": "excluded"}).fit(frame_of(DATES))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_line(tmp_path, capsys, ending):
    german = DATES.dt.strftime("%d.%m.%Y %H:%M")
    train = frame_of(german if ending == "csv" else DATES.dt.tz_localize("UTC"))
    new = pd.Series(
        pd.Timestamp("2025-06-02 10:00") + pd.to_timedelta(np.arange(40) * 37, unit="h")
    )
    new = frame_of(new if ending == "csv" else new.dt.tz_localize("UTC"))
    # in some blocks of rows alone, the day or the month could come first
    american = new["when"].dt.strftime("%m/%d/%Y %H:%M")
    written = new.assign(when=american) if ending == "csv" else new
    for name, rows in {"train": train, "new": written}.items():
        path = tmp_path / f"{name}.{ending}"
        rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path, index=False)
    saved, output = tmp_path / "d.skood", tmp_path / "out.csv"
    options = ["--dates", "parts", "--alpha", "none"]
    assert (
        main(["fit", "--train", str(tmp_path / f"train.{ending}"), "--save", str(saved), *options])
        == 0
    )
    assert "'when': date; hour, weekday, month, age; 2024-01-" in capsys.readouterr().err
    score = ["score", str(saved), "--new", str(tmp_path / f"new.{ending}"), "--output", str(output)]
    assert main([*score, "--block-rows", "7", "--explain", "2"]) == 0
    expected = load(saved).score_samples(new)
    np.testing.assert_allclose(pd.read_csv(output)["score"], expected, rtol=1e-6)
    capsys.readouterr()
    assert main(["info", str(saved)]) == 0
    assert "1 date: when" in capsys.readouterr().out
