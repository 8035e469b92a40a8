"""One front door for tables: what `TableScaler` makes of arrays and frames."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    TableScaler,
    explain,
    load,
    make_outlier_detector,
    make_outlier_pipeline,
    save,
)
from skood.cli import main
from skood.preprocessing import ColumnSchema


def orders(n=200, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "kg": [f"{v:.2f}".replace(".", ",") for v in random.normal(2, 0.3, n)],
            "colour": pd.Categorical(random.choice(["red", "green"], n)),
            "ok": random.random(n) < 0.8,
            "region": random.choice(["east", "west"], n),
            "x": random.normal(size=n),
        }
    )


def kept_to(frame, library):
    return {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}[
        library
    ](frame)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame])
def test_numbers_are_scaled_as_by_scikit_learn(dtype, make):
    X = make((np.random.default_rng(0).normal(size=(90, 3)) * [1, 10, 100]).astype(dtype))
    if make is pd.DataFrame:
        X.columns = list("abc")
    ours, theirs = TableScaler().fit(X), StandardScaler().fit(X)
    expected = theirs.transform(X)
    np.testing.assert_array_equal(ours.transform(X), expected)
    assert ours.transform(X).dtype == expected.dtype
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    np.testing.assert_array_equal(
        ours.partial_fit(X[:40]).transform(X), theirs.partial_fit(X[:40]).transform(X)
    )


def test_it_is_an_estimator():
    # by scikit-learn 1.6; newer versions know that a scaler cannot centre sparse rows
    sparse = {"check_sample_weight_equivalence_on_sparse_data": "sparse rows are not centred"}
    check_estimator(TableScaler(), on_skip=None, expected_failed_checks=sparse)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_detector_of_a_frame(library, tmp_path):
    train, new = orders(), orders(8, seed=1)
    new.loc[5, "kg"] = "9,0"
    frame, rows = kept_to(train, library), kept_to(new, library)
    detector = make_outlier_pipeline(TableScaler(), KNNOutlierDetector(), random_state=0)
    detector.fit(frame)
    scores = detector.score_samples(rows)
    assert np.argmin(scores) == 5
    assert detector.predict(rows)[5] == -1
    explanation = explain(detector, rows)
    assert list(explanation.feature_names) == ["kg", "x", "colour", "ok", "region"]
    assert explanation.feature_names[np.argmax(explanation.shares[5])] == "kg"
    np.testing.assert_allclose(explanation.base - explanation.shares.sum(axis=1), scores)
    save(detector, tmp_path / "d.skood")
    loaded = load(tmp_path / "d.skood")
    np.testing.assert_array_equal(loaded.score_samples(rows), scores)
    assert loaded[0].schema_ == detector[0].schema_
    conformal = ConformalOutlierDetector(clone(detector), random_state=0).fit(frame)
    assert np.argmin(conformal.p_values(rows)) == 5
    np.testing.assert_array_equal(detector.score_samples(new), scores)


def test_the_command_line_makes_the_same_detector(tmp_path):
    train = orders(120).astype({"colour": str})
    train.to_csv(tmp_path / "train.csv", index=False)
    files = [
        "fit",
        "--train",
        tmp_path / "train.csv",
        "--save",
        tmp_path / "d.skood",
        "--alpha",
        "none",
    ]
    assert main([*map(str, files), "--quiet"]) == 0
    ours = make_outlier_detector("tabular", random_state=0).fit(train)
    theirs = load(tmp_path / "d.skood")
    new = orders(9, seed=2)
    np.testing.assert_allclose(theirs.score_samples(new), ours.score_samples(new))
    assert theirs.offset_ == pytest.approx(ours.offset_)


def test_the_schema_says_what_was_decided():
    frame = orders().assign(when=pd.Timestamp("2026-01-01"))
    with pytest.warns(UserWarning, match="dates in 'when' are left out: exclude=.'when'."):
        scaler = TableScaler().fit(frame)
    kinds = {column.name: column.kind for column in scaler.schema_}
    assert kinds == {
        "kg": "number",
        "colour": "category",
        "ok": "boolean",
        "region": "category",
        "x": "number",
        "when": "excluded",
    }
    kg = scaler.schema_[0]
    assert (kg.decimal, kg.low, kg.high) == (",", kg.low, kg.high)
    assert "decimal mark ','" in kg.reason
    assert scaler.schema_[3].categories == ("east", "west")
    for column in scaler.schema_:
        assert ColumnSchema.from_dict(column.to_dict()) == column


def test_errors_name_the_column_and_the_remedy():
    frame = orders()
    with pytest.raises(ValueError, match=r"column 'note' has 200 different texts .*exclude=\['no"):
        TableScaler().fit(frame.assign(note=[f"note {i}" for i in range(200)]))
    with pytest.raises(ValueError, match=r"1 in 'x'.*missing='median'"):
        TableScaler().fit(frame.assign(x=[None, *frame["x"][1:]]))
    numbers = pd.DataFrame({"a": frame["x"], "b": 2 * frame["x"]})
    gaps = numbers.assign(b=[np.nan, *numbers["b"][1:]])
    for ask in (TableScaler().fit, TableScaler().fit(numbers).transform):
        with pytest.raises(ValueError, match=r"1 in 'b'.*missing='median'"):
            ask(gaps)
    filled = TableScaler(missing="median").fit(frame.assign(x=[None, *frame["x"][1:]]))
    assert np.isfinite(filled.transform(frame)).all()
    with pytest.raises(ValueError, match=r"column 'kg' has text where numbers belong.*'heavy'"):
        TableScaler().fit(frame).transform(frame.assign(kg="heavy"))
    with pytest.raises(ValueError, match="X lacks the columns 'kg', 'ok' of the fit"):
        TableScaler().fit(frame).transform(frame[["x", "colour", "region"]])
    with pytest.raises(ValueError, match="X must be a frame with the columns kg, x, colour"):
        TableScaler().fit(frame).transform(np.zeros((3, 5)))
    two = frame.assign(kg=[f"{i % 5 + 1},{100 + 7 * i % 800}" for i in range(200)])
    with pytest.raises(ValueError, match=r"decimal=','"):
        TableScaler().fit(two)
    assert TableScaler(decimal=",").fit(two).schema_[0].high < 6


def test_row_numbers_are_warned_of_and_kept():
    frame = orders().assign(event=np.arange(200))
    with pytest.warns(UserWarning, match="'event' has in each row an integer larger"):
        scaler = TableScaler().fit(frame)
    assert scaler.numbers_ == ["kg", "x", "event"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert TableScaler(features=["event"]).fit(frame).numbers_ == ["kg", "x", "event"]
        assert TableScaler(exclude=["event"]).fit(frame).numbers_ == ["kg", "x"]


def test_a_schema_takes_the_place_of_guesses():
    frame = orders().assign(zip=np.tile([1010, 1020], 100))
    scaler = TableScaler(schema={"zip": "category", "x": {"kind": "excluded"}}).fit(frame)
    assert scaler.numbers_ == ["kg"]
    assert "zip" in scaler.categories_
    again = TableScaler(schema=scaler.schema_).fit(frame)
    np.testing.assert_array_equal(again.transform(frame), scaler.transform(frame))
    with pytest.raises(
        ValueError, match="The kind of the column 'zip' in the schema must be one of number"
    ):
        TableScaler(schema={"zip": "text"}).fit(frame)


def test_folds_decide_as_the_whole_table():
    frame = orders()
    # only one of the rows proves what the comma means
    frame["kg"] = ["0,5", *(f"{i % 3 + 1},{100 + i}" for i in range(1, 200))]
    detector = make_outlier_pipeline(TableScaler(), KNNOutlierDetector(), random_state=0).fit(frame)
    assert detector[0].schema_[0].high < 4


def test_no_known_category_is_warned_of():
    scaler = TableScaler().fit(orders())
    new = orders(9).assign(region="north")
    with pytest.warns(UserWarning, match="No row has a known category of 'region'"):
        scaler.transform(new)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaler.transform(new.head(2))


def test_a_name_with_a_quote_in_a_finding():
    frame = pd.DataFrame({"child's age": ["7", "8", "nine", "9"]})
    with pytest.raises(
        ValueError, match=r"^The column \"child's age\" has text where numbers belong"
    ):
        TableScaler(schema={"child's age": {"kind": "number"}}).fit(frame)
