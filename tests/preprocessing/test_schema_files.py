"""A description of columns in place of guesses: files, mappings, and the way back."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pandas as pd
import pytest

from skood import TableScaler, load, save
from skood.cli import main
from skood.preprocessing.schema_files import as_toml, described


def rows(n=60, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(n) + 10**9,
            "kg": [f"{v:.1f} kg" for v in random.normal(20, 3, n)],
            "zip": random.choice([1010, 1020, 1030], n),
            "level": np.where(random.random(n) < 0.1, -999.0, random.normal(size=n)),
            "colour": random.choice(["red", "green"], n),
        }
    )


SCHEMA = {
    "id": "id",
    "zip": {"kind": "category", "categories": [1010, 1020, 1030]},
    "level": {"kind": "number", "low": -10, "high": 10, "na": [-999]},
}


def test_a_partial_schema_of_a_mapping_and_of_files(tmp_path):
    scaler = TableScaler(schema=SCHEMA, missing="median").fit(rows())
    kinds = {column.name: column.kind for column in scaler.schema_}
    assert kinds == {
        "id": "id",
        "kg": "number",
        "zip": "category",
        "level": "number",
        "colour": "category",
    }
    level = scaler.schema_[3]
    assert (level.low, level.high, level.missing > 0) == (-10, 10, True)
    new = rows(20, seed=1)
    expected = scaler.transform(new)
    assert np.abs(expected[:, 1]).max() < 5  # -999 is no number
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA), encoding="utf-8-sig")
    (tmp_path / "s.toml").write_text(
        'id = "id"\nzip.kind = "category"\n[level]\nkind = "number"\nna = ["-999"]\n'
    )
    for path in (tmp_path / "s.json", str(tmp_path / "s.toml")):
        again = TableScaler(schema=path, missing="median").fit(rows())
        np.testing.assert_array_equal(again.transform(new), expected)


def test_a_schema_can_be_edited_and_given_back(tmp_path):
    frame = rows().assign(**{'a "b"\n#ü': np.linspace(0, 1, 60) ** 2, "when": pd.Timestamp("2026")})
    frame["when"] += pd.to_timedelta(np.random.default_rng(0).integers(0, 9000, 60), unit="h")
    options = {"exclude": ["id"], "missing": "median", "dates": "parts"}
    scaler = TableScaler(**options, schema={"level": {"kind": "number", "na": ["-999"]}}).fit(frame)
    text = as_toml(scaler.schema_)
    assert {name: about["kind"] for name, about in tomllib.loads(text).items()} == {
        column.name: column.kind for column in scaler.schema_
    }
    assert "# low = " in text
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    as_rules = {c.name: c.to_dict() for c in scaler.schema_}
    for schema in (tmp_path / "s.toml", json.loads(json.dumps(as_rules)), scaler.schema_):
        again = TableScaler(schema=schema, missing="median").fit(frame)
        np.testing.assert_array_equal(again.transform(frame), scaler.transform(frame))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"kgs": "number"}, "The schema describes 'kgs', which X lacks: the columns of X are 'id'"),
        ({"kg": "weight"}, "kind of the column 'kg' in the schema must be one of number, category"),
        ({"kg": {"unit": "kg"}}, "The kind of the column 'kg' in the schema must be one of"),
        ({"kg": 5}, "The kind of the column 'kg' .* Got 5 instead"),
        ({"kg": {"kind": "number", "units": "kg"}}, "'kg' .* fields kind, decimal, .* Got 'units'"),
        ({"zip": {"kind": "category", "unit": "m"}}, "'zip' .* kind is 'category'. Got 'unit'"),
        ({"level": {"kind": "number", "low": "0"}}, "The 'low' of the column 'level' .* a number"),
        ({"level": {"kind": "number", "low": 2, "high": 1}}, "'low' .* 2, is above 'high', 1"),
        ({"level": {"kind": "number", "high": float("nan")}}, "'high' .* must be a number"),
        ({"level": {"kind": "number", "high": 10**400}}, "'high' .* must be a number. Got 1000"),
        ({"kg": {"kind": "number", "decimal": ",", "thousands": ","}}, "'decimal' .* 'thousands'"),
        ({"kg": {"kind": "number", "decimal": ";"}}, "must be one of '.', ','. Got ';'"),
        ({"zip": {"kind": "category", "categories": "AT"}}, "must be a list of texts, each once"),
        ({"zip": {"kind": "category", "categories": ["a", "a"]}}, "each once"),
        ({"zip": {"kind": "category", "categories": ["a"], "na": ["a"]}}, "names the category 'a'"),
        ({"zip": {"kind": "date", "parts": ["year"]}}, "a list of hour, weekday, month, age"),
        ({"id": "id", "zip": "id"}, "One column identifies rows, and the schema says it of 'id'"),
        ([1], "must be a mapping of columns to descriptions"),
        (7, "must be a mapping of columns to descriptions"),
        # the rows contradict it
        (
            {"level": {"kind": "number", "low": -10}},
            "'level' has values outside -10 to inf, .*-999",
        ),
        (
            {"colour": {"kind": "category", "categories": ["red"]}},
            "other values than red, .*'green'",
        ),
        ({"colour": "number"}, "'colour' has text where numbers belong"),
        (
            {"kg": {"kind": "number", "unit": "g"}},
            "'kg' has other values than numbers with the uni",
        ),
        ({"colour": "date"}, "'colour' has dates that cannot be read"),
        ({"zip": "date"}, "'zip' has dates that cannot be read, first in row 4: '1010'"),
    ],
)
def test_a_bad_schema_is_refused_in_one_sentence(schema, message):
    with pytest.raises(ValueError, match=message) as caught:
        TableScaler(schema=schema, missing="median").fit(rows())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.toml", "kg = ", "s.toml is not a TOML file: "),
        ("s.toml", 'kg = "number"\nkg = "date"', "s.toml is not a TOML file: "),
        ("s.json", "[1", "s.json is not a JSON file: "),
        ("s.json", "[" * 100_000, "s.json is not a JSON file: it has lists within too many lists."),
        ("s.json", "[1]", "s.json must hold a description of each column"),
        ("s.json", '{"kg": "number", "kg": "date"}', "it names 'kg' twice"),
        ("s.yaml", "kg: number", "ending .toml or .json. Got 's.yaml'"),
        ("s.json", b"\xff\xfe\x00", "s.json is not a JSON file: its text is not UTF-8."),
        ("s.json", '{"kg": {"kind": "number", "low": 1e999}}', "must be a number. Got inf"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, name, text, message):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        described(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_names_that_a_terminal_would_not_print_come_back():
    frame = pd.DataFrame(
        {"we\x9bird\x07\u2028": np.linspace(0, 1, 60) ** 2, "c": ["a", "\x7f"] * 30}
    )
    text = as_toml(TableScaler().fit(frame).schema_)
    assert all(line.isprintable() for line in text.splitlines())
    assert list(tomllib.loads(text)) == list(frame.columns)


def test_a_saved_scaler_reads_no_file(tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(SCHEMA))
    scaler = TableScaler(schema=path, missing="median").fit(rows())
    save(scaler, tmp_path / "s.skood")
    path.unlink()
    loaded = load(tmp_path / "s.skood")
    np.testing.assert_array_equal(loaded.transform(rows()), scaler.transform(rows()))


def test_marks_in_the_rows_to_score(tmp_path, capsys):
    train, new, schema = tmp_path / "train.csv", tmp_path / "new.csv", tmp_path / "s.json"
    rows(90).drop(columns="id").assign(level=1.0 + np.arange(90) % 7).to_csv(train, index=False)
    dirty = rows(20, seed=1).drop(columns="id").assign(level=2.0).astype({"level": object})
    dirty.loc[3, "level"] = "broken"
    dirty.loc[4, "level"] = -999
    dirty.to_csv(new, index=False)
    marks = {"level": {"kind": "number", "na": ["broken", -999]}, "zip": "category"}
    schema.write_text(json.dumps(marks))
    saved, output = tmp_path / "d.skood", tmp_path / "out.csv"
    fit = ["fit", "--train", train, "--save", saved, "--schema", schema, "--quiet"]
    assert run(capsys, *fit)[0] == 0
    status, _, err = run(capsys, "score", saved, "--new", new, "--output", output)
    assert (status, "2 missing values (2 in 'level')" in err) == (3, True)
    status, out, _ = run(capsys, "check", new, "--against", saved)
    assert (status, "'level' of new.csv lacks 2 values" in out) == (3, True)
    assert run(capsys, *fit, "--missing", "median")[0] == 0
    assert run(capsys, "score", saved, "--new", new, "--output", output)[0] == 0
    assert pd.read_csv(output)["decision"].iloc[4] == 1


def run(capsys, *arguments):
    status = main([*map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_command_line(tmp_path, capsys):
    train, new, schema = tmp_path / "train.csv", tmp_path / "new.csv", tmp_path / "s.toml"
    strange = rows(20, seed=1)
    strange.loc[4, "kg"] = "90.0 kg"
    rows(120).to_csv(train, index=False)
    strange.to_csv(new, index=False)
    schema.write_text('id = "id"\nzip = "category"\n[level]\nkind = "number"\nna = ["-999"]\n')
    options = ["--schema", schema, "--missing", "median"]
    assert run(capsys, "check", train, *options)[0] == 0
    output = tmp_path / "out.csv"
    detect = ["detect", "--train", train, "--new", new, "--output", output, *options]
    assert run(capsys, *detect, "--quiet")[0] == 0
    scores = pd.read_csv(output)
    assert scores.columns[0] == "id"
    assert scores["score"].idxmin() == 4
    saved = tmp_path / "d.skood"
    assert run(capsys, "fit", "--train", train, "--save", saved, *options, "--quiet")[0] == 0
    status, text, _ = run(capsys, "info", saved, "--schema")
    assert (status, tomllib.loads(text)["id"]["kind"]) == (0, "id")
    schema.write_text(text)
    again = tmp_path / "again.skood"
    assert run(capsys, "fit", "--train", train, "--save", again, *options, "--quiet")[0] == 0
    frame = load(saved).detector_[0].schema_
    assert [c.kind for c in load(again).detector_[0].schema_] == [c.kind for c in frame]
    for command in (["fit", "--train", train, "--save", saved], ["check", train], detect[:-4]):
        schema.write_text('colr = "category"')
        status, _, err = run(capsys, *command, "--schema", schema)
        assert status == 2
        assert "train.csv has no column 'colr', which --schema names" in err
        schema.write_text('colour = "text"')
        status, _, err = run(capsys, *command, "--schema", schema)
        assert (status, err.count("\n")) == (2, 1)
        assert "The kind of the column 'colour' in s.toml must be one of number," in err
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(90, 2)))
    assert run(capsys, "fit", "--train", tmp_path / "x.npy", "--save", again, "--quiet")[0] == 0
    status, _, err = run(capsys, "info", again, "--schema")
    assert (status, "again.skood does not describe columns" in err) == (3, True)
    status, _, err = run(
        capsys, "fit", "--train", train, "--save", saved, "--schema", tmp_path / "no.toml"
    )
    assert (status, "no.toml: No such file" in err) == (2, True)
    status, _, err = run(capsys, "check", new, "--against", again, *options)
    assert (status, "again.skood has its own" in err) == (2, True)
