"""Files of rows in blocks: what is read is what is in the file, however it is cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skood.cli.files import (
    OptionError,
    ReadingOptions,
    RowLayout,
    TableError,
    block_length,
    fingerprint,
    open_source,
    read_training_table,
)
from skood.preprocessing import CategoryEncoder
from skood.preprocessing.table_decisions import TableOptions

from .cli_files import numbers, orders, write

LAYOUT = RowLayout("table", ("length", "width", "count"), ("colour", "ok"), "id")


def read_all(source, layout, **options):
    blocks = list(source.blocks(layout, **options))
    starts = np.cumsum([0, *map(len, blocks)])[:-1]
    first = options.get("first_row", 0)
    assert [block.start for block in blocks] == [first + start for start in starts]
    return blocks


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.tsv"])
@pytest.mark.parametrize("length", [1, 7, 100, 1000])
def test_blocks_are_the_rows_of_the_file(tmp_path, name, length):
    frame = orders(103)
    path = tmp_path / name
    if name.endswith("tsv"):
        frame.to_csv(path, index=False, sep="\t")
    else:
        write(frame, path)
    blocks = read_all(open_source(path), LAYOUT, length=length)
    assert {len(block) for block in blocks[:-1]} <= {length}
    rows = pd.concat([block.rows for block in blocks], ignore_index=True)
    expected = frame.astype({"count": float, "ok": str})[list(LAYOUT.features)]
    pd.testing.assert_frame_equal(rows, expected, check_exact=True, check_dtype=False)
    assert [name for block in blocks for name in block.ids.to_pylist()] == list(frame["id"])


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.npy", "rows.npz"])
def test_blocks_from_a_row_on(tmp_path, name):
    frame, path = numbers(50), tmp_path / name
    if name.endswith("npz"):
        np.savez_compressed(path, X=frame.to_numpy(), y=np.zeros(50))
    else:
        write(frame, path)
    layout = RowLayout("table", tuple(frame.columns))
    if name[-3:] in ("npy", "npz"):
        layout = RowLayout("array", shape=(4,))
    blocks = read_all(open_source(path), layout, length=8, first_row=24)
    rows = np.concatenate([np.asarray(block.rows) for block in blocks])
    np.testing.assert_array_equal(rows, frame.to_numpy()[24:])
    assert read_all(open_source(path), layout, length=8, first_row=56) == []


def test_rows_of_csv_are_those_that_pandas_reads(tmp_path):
    (tmp_path / "rows.csv").write_text(
        'a,"b, c",d\n1.5,"two\nlines",NA\n\n -2e3 ,n/a,3\n.5,"say ""x""",\n+7,nan,1e40\n'
    )
    source = open_source(tmp_path / "rows.csv")
    layout = RowLayout("table", ("a", "d"), ("b, c",))
    (block,) = source.blocks(layout)
    expected = pd.read_csv(tmp_path / "rows.csv")[["a", "d", "b, c"]]
    for values, wanted in zip(block.rows.to_numpy().T, expected.to_numpy().T, strict=True):
        gaps = pd.isna(values)
        np.testing.assert_array_equal(gaps, pd.isna(wanted))
        assert values[~gaps].tolist() == wanted[~gaps].tolist()


def test_kinds_of_training_columns(tmp_path):
    frame = orders(60).assign(zip=80331, late=None)
    frame.loc[3, "late"] = "x"
    for name in ("train.csv", "train.parquet"):
        source = open_source(write(frame, tmp_path / name))
        rows, layout = read_training_table(source, TableOptions("id", categorical=("zip",)))
        assert layout.numbers == ("length", "width", "count")
        assert layout.categories == ("colour", "ok", "zip", "late")
        assert set(rows["zip"]) == {"80331"}
        assert rows["late"].isna().sum() == 59


def test_text_of_numbers_is_numbers_in_csv_only(tmp_path):
    frame = pd.DataFrame({"a": ["1", "2"] * 20})
    _, layout = read_training_table(open_source(write(frame, tmp_path / "a.csv")), TableOptions())
    assert layout.numbers == ("a",)
    _, layout = read_training_table(
        open_source(write(frame, tmp_path / "a.parquet")), TableOptions()
    )
    assert layout.categories == ("a",)


def test_files_without_names(tmp_path):
    numbers(30).to_csv(tmp_path / "rows.csv", index=False, header=False)
    source = open_source(tmp_path / "rows.csv", ReadingOptions(header=False))
    rows, layout = read_training_table(source, TableOptions())
    assert layout.numbers == ("x0", "x1", "x2", "x3")
    np.testing.assert_array_equal(rows.to_numpy(), numbers(30).to_numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "bool", ">f8", "float16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_kind_of_number(tmp_path, dtype, order):
    values = (numbers(21, 5).to_numpy() * 10).astype(dtype)
    np.save(tmp_path / "X.npy", np.asarray(values, order=order))
    source = open_source(tmp_path / "X.npy")
    expected = values.astype("float32" if dtype in ("float32", "float16") else "float64")
    np.testing.assert_array_equal(source.whole_array(), expected)
    blocks = read_all(source, RowLayout("array", shape=(5,)), length=6)
    rows = np.concatenate([block.rows for block in blocks])
    np.testing.assert_array_equal(rows, expected)
    assert rows.dtype == expected.dtype


def test_arrays_that_cannot_be_rows(tmp_path):
    def refused(array, match):
        np.save(tmp_path / "X.npy", array, allow_pickle=True)
        with pytest.raises(TableError, match=match):
            open_source(tmp_path / "X.npy")

    refused(np.arange(5), r"Got an array of shape \(5,\)")
    refused(np.array([["a", "b"]]), "of the type <U1 instead")
    refused(np.array([[{}, 1]], dtype=object), "of the type object instead")
    np.save(tmp_path / "X.npy", numbers(20).to_numpy())
    content = (tmp_path / "X.npy").read_bytes()
    (tmp_path / "X.npy").write_bytes(content[:-8])
    with pytest.raises(TableError, match="cut short"):
        open_source(tmp_path / "X.npy").whole_array()
    (tmp_path / "X.npy").write_bytes(b"PK")
    with pytest.raises(TableError, match=r"not a \.npy file"):
        open_source(tmp_path / "X.npy")
    (tmp_path / "X.npz").write_bytes(b"PK")
    with pytest.raises(TableError, match=r"not a \.npz file"):
        open_source(tmp_path / "X.npz")
    np.savez(tmp_path / "X.npz", a=np.zeros((3, 2)), b=np.ones((3, 2)))
    with pytest.raises(OptionError, match="has no array 'X': name one of 'a', 'b' with --array"):
        open_source(tmp_path / "X.npz")
    source = open_source(tmp_path / "X.npz", ReadingOptions(array="b"))
    np.testing.assert_array_equal(source.whole_array(), np.ones((3, 2)))


def test_wide_rows_come_in_short_blocks():
    assert block_length(20) == 65_536
    assert block_length(1_000) == 4_194
    assert block_length(10**7) == 256


def test_a_fingerprint_changes_with_the_file(tmp_path):
    path = write(numbers(40), tmp_path / "rows.csv")
    before = fingerprint(open_source(path))
    assert fingerprint(open_source(path)) == before
    with path.open("a") as file:
        file.write("1,2,3,4\n")
    assert fingerprint(open_source(path)) != before


def test_two_categories_lie_as_far_apart_as_two_standardised_numbers():
    codes = np.array([0, 1, 1, 2, 0, 2])
    names = np.array(["no", "maybe", "yes"], dtype=object)[codes, np.newaxis]
    rows = CategoryEncoder().fit_transform(names)
    assert np.linalg.norm(rows[0] - rows[1]) == pytest.approx(2**0.5)
    random = np.random.default_rng(0).normal(size=(999, 1))
    scaled = StandardScaler().fit_transform(random)[:, 0]
    squares = (scaled[:, np.newaxis] - scaled) ** 2
    assert squares.mean() == pytest.approx(2.0)


def test_a_new_category_is_as_far_from_all_others_as_they_are_from_each_other():
    names = np.array([["a"], ["b"], ["c"], ["a"], [None]], dtype=object)
    encoder = CategoryEncoder(rarity=0.0, novelty=1.0).fit(names)
    rows = np.array([["a"], ["b"], ["z"], [np.nan]], dtype=object)
    a, b, new, gap = encoder.transform(rows)
    apart = np.linalg.norm(a - b)
    assert np.linalg.norm(new - a) == pytest.approx(apart)
    assert np.linalg.norm(new - gap) == pytest.approx(apart)
    np.testing.assert_array_equal(gap, encoder.transform(names)[4])
    names = list(encoder.get_feature_names_out(["x"]))
    assert names == ["x=a", "x=b", "x=c", "x=None", "x=(new)"]


def test_one_category_alone_knows_new_ones():
    encoder = CategoryEncoder(novelty=3.0).fit(np.full((99, 1), "a", dtype=object))
    old, new = encoder.transform([["a"], ["b"]])
    assert np.linalg.norm(old - new) ** 2 == pytest.approx(1 + 3**2)


def test_the_encoder_is_an_estimator():
    check_estimator(CategoryEncoder(), on_skip=None)
