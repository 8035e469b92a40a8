"""Nothing is read wrongly in silence: numbers, ids and categories as people write them."""

from __future__ import annotations

import csv
import math

import numpy as np
import pandas as pd
import pytest

from skood.cli import main
from skood.cli.files import TableError, adapted, open_source, outside, read_training_table
from skood.preprocessing.table_decisions import TableOptions

from .cli_files import write

N = 152  # a quarter of them, 38, calibrate: 1/39 is the lowest p-value


def german(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def indian(value):
    lakhs, rest = divmod(round(value), 100_000)
    return f"{lakhs},{rest // 1000:02d},{rest % 1000:03d}" if lakhs else f"{rest:,}"


SPELLINGS = {
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "german": lambda v: german(1000 * v),
    "french": lambda v: german(1000 * v).replace(".", "\u202f"),
    "spaces": lambda v: german(1000 * v).replace(".", "\u00a0"),
    "swiss": lambda v: f"{1000 * v:,.2f}".replace(",", "\u2019"),
    "indian": lambda v: indian(1e5 * v),
    "thousands": lambda v: f"{1000 * v:,.2f}",
    "dollars": lambda v: f"${1000 * v:,.2f}",
    "euros": lambda v: f"\u20ac {v:.2f}".replace(".", ","),
    "after": lambda v: f"{v:.2f}".replace(".", ",") + " \u20ac",
    "code": lambda v: f"{v:.2f} CHF",
    "percent": lambda v: f"{v:.2f} %",
    "unit": lambda v: f"{v:.2f}kg",
    "spaced unit": lambda v: f"{v:.2f} m\u00b2",
    "brackets": lambda v: f"({v:.2f})" if v > 0.5 else "0",
    "trailing minus": lambda v: f"{v:.2f}-",
    "unicode minus": lambda v: f"\u2212{v:.2f}",
    "power": lambda v: f"{v:.2e}".replace(".", ","),
}


def weights():
    values = np.random.default_rng(0).normal(2, 0.3, N)
    values[0] = 0.3
    return values


def detected(tmp_path, train, new, ending="csv", *more):
    files = ["--train", write(train, tmp_path / f"train.{ending}")]
    files += ["--new", write(new, tmp_path / f"new.{ending}"), "--output", tmp_path / "s.csv"]
    status = main(["detect", *map(str, files), "--detector", "knn", *more])
    if status:
        return status
    with (tmp_path / "s.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", SPELLINGS)
def test_a_number_is_one_in_each_spelling(tmp_path, capsys, case):
    spelled = SPELLINGS[case]
    train = pd.DataFrame({"weight": [spelled(v) for v in weights()]})
    new = pd.DataFrame({"weight": [spelled(v) for v in (2.0, 9.0, 2.1)]})
    rows = detected(tmp_path, train, new)
    assert float(rows[1]["p_value"]) == pytest.approx(1 / 39)
    assert min(float(rows[i]["p_value"]) for i in (0, 2)) > 0.1
    assert "'weight': read with" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_dashes_for_missing_numbers(tmp_path, ending):
    texts = ["-" if i % 7 == 1 else f"{v:.2f}" for i, v in enumerate(weights())]
    train = pd.DataFrame({"weight": texts, "more": weights()})
    _, layout = read_training_table(
        open_source(write(train, tmp_path / f"a.{ending}")), TableOptions()
    )
    assert layout.numbers == ("weight", "more")
    assert layout.column("weight").missing == pytest.approx(texts.count("-") / N)
    new = pd.DataFrame({"weight": ["-", "9.0", "2.1"], "more": 2.0})
    rows = detected(tmp_path, train, new, ending, "--missing", "median")
    assert float(rows[1]["p_value"]) == pytest.approx(1 / 39)


def layout_of(tmp_path, column, ending="csv", **options):
    path = write(pd.DataFrame({"x": column}), tmp_path / f"rows.{ending}")
    return read_training_table(open_source(path), TableOptions(**options))


def refused(tmp_path, column, match, ending="csv", **options):
    with pytest.raises(TableError, match=match):
        layout_of(tmp_path, column, ending, **options)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_numbers_in_parquet_text_too(tmp_path, ending):
    rows, layout = layout_of(tmp_path, [f"{v:.2f} kg" for v in weights()], ending)
    assert (layout.numbers, layout.column("x").unit) == (("x",), "kg")
    np.testing.assert_allclose(rows["x"], weights().round(2))


def test_what_has_two_meanings_is_asked_about(tmp_path):
    column = [f"{i % 5 + 1},{100 + 7 * i % 800}" for i in range(60)]
    refused(tmp_path, column, "can stand before decimals or between thousands.*--decimal")
    rows, _ = layout_of(tmp_path, column, decimal=",")
    assert rows["x"].max() < 6
    rows, _ = layout_of(tmp_path, column, decimal=".")
    assert rows["x"].min() > 999
    # another column proves the mark
    frame = pd.DataFrame({"x": column, "y": ["0,5", "12,25"] * 30})
    path = write(frame, tmp_path / "two.csv")
    rows, _ = read_training_table(open_source(path), TableOptions())
    assert rows["x"].max() < 6
    frame = pd.DataFrame({"x": column, "y": ["0.5", "12.25"] * 30})
    path = write(frame, tmp_path / "two.csv")
    rows, _ = read_training_table(open_source(path), TableOptions())
    assert rows["x"].min() > 999


def test_thousands_beside_a_decimal_comma(tmp_path):
    points = [f"{i % 9 + 1}.{100 + 7 * i % 800}" for i in range(60)]
    frame = pd.DataFrame({"people": points, "share": ["0,5", "12,25"] * 30})
    frame.to_csv(tmp_path / "rows.csv", sep=";", index=False)
    rows, layout = read_training_table(open_source(tmp_path / "rows.csv"), TableOptions())
    assert rows["people"].min() > 999
    assert layout.column("people").thousands == "."


@pytest.mark.parametrize(
    ("odd", "match"),
    [
        ("5", "several units, such as '2.00 %' and '5'"),
        ("<0.5 %", "several units"),
        ("n. a.", "has text where numbers belong, first in row 10 .'n. a.'.*--na 'n. a.'"),
        ("12:30", "has text where numbers belong, first in row 10"),
    ],
)
def test_a_column_of_almost_only_numbers_names_its_odd_cell(tmp_path, odd, match):
    column = [f"{v:.2f} %" for v in np.arange(2, 8, 0.1)]
    column[9] = odd
    refused(tmp_path, column, match)
    refused(tmp_path, column, match.split(".*")[0], "parquet")


def test_half_of_the_cells_with_a_unit(tmp_path):
    refused(tmp_path, ["5 %", "6", "7 %", "8"] * 20, "several units, such as '5 %' and '6'")


@pytest.mark.parametrize(
    "column",
    [
        range(60),
        range(160, 100, -1),
        np.random.default_rng(0).permutation(60),
        np.random.default_rng(0).permutation(75)[:60],  # a split of shuffled rows
        [10**17 + 7919 * i * (-1) ** i for i in range(60)],
        [f"{i * 2654435761 % 2**32:08x}" for i in range(60)],
        [f"user {i}" for i in range(60)],
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_identifies_rows_is_asked_about(tmp_path, column, ending):
    refused(tmp_path, list(column), "let it identify the rows with --id-column x", ending)
    frame = pd.DataFrame({"x": list(column), "y": weights()[:60]})
    path = write(frame, tmp_path / f"rows.{ending}")
    _, layout = read_training_table(open_source(path), TableOptions(id_column="x"))
    assert (layout.numbers, layout.id_column) == (("y",), "x")


def test_what_only_looks_like_a_row_number_is_a_feature(tmp_path):
    measured = np.sort(weights())
    columns = (measured, range(12), [1, 2, 2, 3] * 15, np.round(1e4 * weights() ** 9)[:40])
    for column in columns:
        _, layout = layout_of(tmp_path, list(column), "parquet")
        assert layout.numbers == ("x",)
    _, layout = layout_of(tmp_path, range(60), features=("x",))
    assert layout.numbers == ("x",)


def test_the_index_of_pandas_is_no_column(tmp_path):
    frame = pd.DataFrame({"x": weights()}, index=np.arange(N) * 3)
    frame.to_parquet(tmp_path / "a.parquet")
    _, layout = read_training_table(open_source(tmp_path / "a.parquet"), TableOptions())
    assert layout.numbers == ("x",)
    layout.check_columns("b", ["x"])
    layout.check_columns("b", ["x", "__index_level_0__"])
    frame.to_csv(tmp_path / "a.csv")
    with pytest.raises(TableError, match="has no name, as the row numbers that pandas writes"):
        read_training_table(open_source(tmp_path / "a.csv"), TableOptions())


def test_a_clock_is_asked_about_before_the_fit(tmp_path, capsys):
    train = pd.DataFrame({"t": np.arange(N) * 0.5, "x": weights()})
    new = train.assign(t=train["t"] + 100)
    assert detected(tmp_path, train, new) == 3
    err = capsys.readouterr().err
    assert "lie outside the range of the training rows in 't'" in err
    assert "fitted" not in err
    assert len(detected(tmp_path, train, new, "csv", "--exclude", "t")) == N
    assert len(detected(tmp_path, train, new, "csv", "--feature", "t")) == N
    shuffled = train.sample(frac=1, random_state=0)
    _, layout = read_training_table(
        open_source(write(shuffled, tmp_path / "a.csv")), TableOptions()
    )
    assert outside(layout, open_source(tmp_path / "new.csv").sample(["t", "x"])) == []


PAIRS = {
    "booleans": ([True, False], ["true", "false"]),
    "bits": ([True, False], [1, 0]),
    "words": (["yes", "no"], [True, False]),
    "spaces": (["AT", "DE"], ["AT ", " DE"]),
    "floats": ([1, 2], [1.0, 2.0]),
    "letters": (["K\u00f6ln", "Bonn"], ["Ko\u0308ln", "Bonn"]),
}


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("endings", [("csv", "parquet"), ("parquet", "csv"), ("csv", "csv")])
@pytest.mark.parametrize("turned", [False, True])
def test_a_value_spelled_otherwise_is_the_same_value(tmp_path, case, endings, turned):
    values = [list(pair * 30) for pair in PAIRS[case][:: -1 if turned else 1]]
    frames = [pd.DataFrame({"x": column, "y": weights()[:60]}) for column in values]
    paths = [
        write(frame, tmp_path / f"{name}.{ending}")
        for name, ending, frame in zip("ab", endings, frames, strict=True)
    ]
    categorical = ("x",) if case == "floats" else ()
    rows, layout = read_training_table(open_source(paths[0]), TableOptions(categorical=categorical))
    source = open_source(paths[1])
    layout, _ = adapted(layout, source.sample(list(layout.numbers)), source.name)
    (block,) = source.blocks(layout)
    assert block.rows["x"].tolist() == rows["x"].tolist()


def test_numbers_of_the_other_file_in_another_spelling(tmp_path):
    plain = pd.DataFrame({"x": weights().round(2), "y": weights()})
    comma = pd.DataFrame({"x": [f"{v:.2f}".replace(".", ",") for v in weights()], "y": weights()})
    for first, second in ((plain, comma), (comma, plain)):
        rows, layout = read_training_table(
            open_source(write(first, tmp_path / "a.csv")), TableOptions()
        )
        source = open_source(write(second, tmp_path / "b.csv"))
        layout, notes = adapted(layout, source.sample(["x", "y"]), "b.csv")
        assert len(notes) == (second is comma)
        (block,) = source.blocks(layout)
        assert block.rows["x"].tolist() == rows["x"].tolist()
    unit = comma.assign(x=comma["x"] + " kg")
    _, layout = read_training_table(open_source(write(unit, tmp_path / "a.csv")), TableOptions())
    source = open_source(write(plain, tmp_path / "b.csv"))
    layout, _ = adapted(layout, source.sample(["x", "y"]), "b.csv")
    with pytest.raises(TableError, match="other values than numbers with the unit 'kg'"):
        list(source.blocks(layout))


def test_a_file_of_other_categories_is_refused(tmp_path, capsys):
    train = pd.DataFrame({"x": ["north", "south"] * 76, "y": weights()})
    new = train.assign(x=["N", "S"] * 76)
    assert detected(tmp_path, train, new, "csv", "--quiet") == 3
    assert "of the training rows in 'x' ('north', 'south'). Got 'N', 'S' instead: write the" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "s.csv").exists()
    assert len(detected(tmp_path, train, new.head(3), "csv", "--quiet")) == 3


def test_one_question_for_an_ordinary_file(tmp_path, capsys):
    train = pd.DataFrame(
        {
            "id": np.arange(N) + 1000,
            "date": pd.date_range("2024-01-01", periods=N).astype(str),
            "price": np.where(np.arange(N) % 9 == 0, np.nan, weights()),
            "note": [f"customer {i} called" for i in range(N)],
            "colour": ["red", "green"] * 76,
        }
    )
    assert detected(tmp_path, train, train) == 3
    err = capsys.readouterr().err
    options = ["--missing", "median", "--id-column", "id", "--exclude", "note"]
    assert "--id-column id" in err
    assert "--exclude note" in err
    assert "--missing median" in err
    rows = detected(tmp_path, train, train, "csv", *options)
    assert [row["id"] for row in rows] == [str(i) for i in train["id"]]
    assert "'date': dates are left out" in capsys.readouterr().err
    assert all(math.isfinite(float(row["score"])) for row in rows)
