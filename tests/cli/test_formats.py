"""Files of every format: the same rows, in the same order, and one sentence for what is damaged."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from skood.cli import main
from skood.cli.files import (
    OptionError,
    ReadingOptions,
    RowLayout,
    TableError,
    open_source,
    read_training_table,
)
from skood.preprocessing.table_decisions import TableOptions

from .cli_files import Stdin, names_in, orders, strange_orders, write

LAYOUT = RowLayout("table", ("length", "width", "count"), ("colour", "ok"), "id")


def packed(content: bytes, codec: str) -> bytes:
    return pa.compress(content, codec=codec, asbytes=True)


def json_lines(frame: pd.DataFrame) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in frame.to_dict("records")).encode()


def table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def arrow(frame: pd.DataFrame, new=pa.ipc.new_file, rows: int = 40) -> bytes:
    sink, content = pa.BufferOutputStream(), table(frame)
    with new(sink, content.schema) as writer:
        writer.write_table(content, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def tsv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, sep="\t").encode()


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def feather(frame: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.to_feather(content)
    return content.getvalue()


FORMATS = {
    "rows.csv.gz": lambda frame: gzip.compress(csv(frame)),
    "two.csv.gz": lambda frame: gzip.compress(csv(frame)[:999]) + gzip.compress(csv(frame)[999:]),
    "rows.csv.zst": lambda frame: packed(csv(frame), "zstd"),
    "ROWS.CSV.ZST": lambda frame: packed(csv(frame), "zstd"),
    "rows.tsv.gz": lambda frame: packed(tsv(frame), "gzip"),
    "rows.tsv.zst": lambda frame: packed(tsv(frame), "zstd"),
    "packed.csv": lambda frame: packed(csv(frame), "gzip"),
    "plain.csv.gz": csv,
    "rows.jsonl": json_lines,
    "rows.ndjson": lambda frame: b"\n" + json_lines(frame).replace(b"\n", b"\r\n\r\n"),
    "rows.jsonl.gz": lambda frame: packed(json_lines(frame), "gzip"),
    "rows.jsonl.zst": lambda frame: packed(json_lines(frame), "zstd"),
    "rows.arrow": arrow,
    "rows.arrows": lambda frame: arrow(frame, pa.ipc.new_stream),
    "rows.feather": feather,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("length", [7, 1000])
def test_blocks_are_the_rows_of_the_file(tmp_path, name, length):
    frame = orders(103)
    (tmp_path / name).write_bytes(FORMATS[name](frame))
    source = open_source(tmp_path / name)
    blocks = list(source.blocks(LAYOUT, length))
    assert {len(block) for block in blocks[:-1]} <= {length}
    rows = pd.concat([block.rows for block in blocks], ignore_index=True)
    expected = frame.astype({"count": float, "ok": str})[list(LAYOUT.features)]
    written = rows.assign(ok=rows["ok"].str.capitalize())
    pd.testing.assert_frame_equal(written, expected, check_exact=True, check_dtype=False)
    assert [name for block in blocks for name in block.ids.to_pylist()] == list(frame["id"])
    later = list(source.blocks(LAYOUT, 7, first_row=35))
    assert [block.start for block in later] == list(range(35, 103, 7))
    trained, layout = read_training_table(source, TableOptions("id"))
    assert (len(trained), layout.numbers) == (103, LAYOUT.numbers)


@pytest.mark.parametrize("partitions", [["colour"], ["colour", "count"]])
def test_a_folder_of_parquet_files_is_one_table(tmp_path, partitions):
    frame = orders(103)
    parquet.write_to_dataset(table(frame), tmp_path / "rows", partition_cols=partitions)
    for name in ("_SUCCESS", "._SUCCESS.crc", "_metadata", ".part-0.parquet"):
        (tmp_path / "rows" / name).write_bytes(b"no rows")
    source = open_source(tmp_path / "rows")
    assert source.expected_rows == 103
    assert sorted(source.columns) == sorted(frame.columns)
    blocks = list(source.blocks(LAYOUT, 10))
    assert [len(block) for block in blocks] == [10] * 10 + [3]
    rows = pd.concat([block.rows for block in blocks], ignore_index=True)
    rows["id"] = [name for block in blocks for name in block.ids.to_pylist()]
    in_order = frame.sort_values([*partitions, "id"], key=lambda values: values.astype(str))
    assert rows["id"].tolist() == in_order["id"].tolist()
    expected = in_order.astype({"count": float, "ok": str})[list(rows)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected, check_exact=True, check_dtype=False)


def test_files_of_a_folder_may_differ_in_order_and_types_alone(tmp_path):
    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), tmp_path / "part-0.parquet")
    parquet.write_table(pa.table({"b": ["z"], "a": [0.5]}), tmp_path / "part-1.parquet")
    (block,) = open_source(tmp_path).blocks(RowLayout("table", ("a",), ("b",)))
    assert block.rows["a"].tolist() == [1, 2, 0.5]
    assert block.rows["b"].tolist() == ["x", "y", "z"]

    def refused(match):
        with pytest.raises(TableError, match=match):
            open_source(tmp_path)

    parquet.write_table(pa.table({"b": ["z"], "a": ["0.5"]}), tmp_path / "part-1.parquet")
    refused("columns of one name and different types")
    parquet.write_table(pa.table({"a": [1.0]}), tmp_path / "part-1.parquet")
    refused("Got 'b' in only one of part-0.parquet and part-1.parquet")
    (tmp_path / "part-1.parquet").write_bytes(b"PAR1")
    refused("is damaged")
    (tmp_path / "part-1.parquet").unlink()
    (tmp_path / "part-1.csv").write_text("a,b\n")
    refused(r"holds 'part-1\.csv', which is no Parquet file")
    (tmp_path / "part-1.csv").unlink()
    for folder, match in (("_temporary", "is incomplete"), ("_delta_log", "Delta table")):
        (tmp_path / folder).mkdir()
        refused(match)
        (tmp_path / folder).rmdir()
    (tmp_path / "a=7").mkdir()
    shutil.move(tmp_path / "part-0.parquet", tmp_path / "a=7" / "part-0.parquet")
    refused("several columns with the name 'a'")


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_damaged_archive_is_one_sentence(tmp_path, codec):
    path, content = tmp_path / "rows.csv.gz", packed(csv(orders(20_000)), codec)
    for broken, match in (
        (content[: len(content) // 2], "it is cut short"),
        (content[:-3], "it is cut short"),
        (content[:3000] + b"\0" * 99 + content[3099:], "rows.csv.gz"),
        (content + b"more", f"it is no {codec} file|cut short"),
    ):
        path.write_bytes(broken)
        with pytest.raises(TableError, match=match):
            list(open_source(path).blocks(LAYOUT))
    path.write_bytes(b"")
    with pytest.raises(TableError, match="is empty"):
        open_source(path)


@pytest.mark.parametrize("row", [b"1,2\n", b"0" * 1000])
@pytest.mark.parametrize("name", ["rows.csv.zst", "rows.jsonl.zst"])
def test_an_archive_made_to_fill_the_memory_does_not(tmp_path, row, name):
    size = 1 << 27
    (tmp_path / name).write_bytes(packed(b"a,b\n" + row * (size // len(row)), "zstd"))
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(TableError, match=r"250 times its size|longer than|cannot be read"):
            read_training_table(open_source(tmp_path / name), TableOptions())
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < size


BAD_JSON = {
    '{"a":1}\n{"a":"x"}': "Row 2 of rows.jsonl has a string in the column 'a', where rows before "
    "have a number.",
    '{"a":1}\n\n7': "Row 2 of rows.jsonl must be a JSON object. Got a JSON number instead.",
    '[{"a":1},{"a":2}]': "Row 1 of rows.jsonl must be a JSON object. Got a JSON array instead.",
    '{"a":1}{"a":2}': "must have one JSON object in each line",
    '{"a":\n1}\n': "must have one JSON object in each line",
    '{"a":1}\n{"a":2,': "Row 2 of rows.jsonl cannot be read as JSON",
    '{"a":1,"a":2}': "was specified twice",
    '{"a":1e999}': "Row 1 of rows.jsonl cannot be read as JSON: Number too big",
    '{"a":"\xff"}': "is damaged: its text is not UTF-8",
    '{"\xff":1}': "is damaged: its text is not UTF-8",
    '{"a":' + "[" * 100_000: "Row 1 of rows.jsonl has lists in lists more than 100 deep.",
    '{"a":1}\n' + '{"a":' * 20_000: "Row 2 of rows.jsonl has lists in lists more than 100 deep.",
    "\n\n": "rows.jsonl has no rows.",
    "": "rows.jsonl has no rows.",
    '{"a":[1]}\n' * 30: "The column 'a' of rows.jsonl has values of the type list",
}


@pytest.mark.parametrize("text", BAD_JSON, ids=lambda text: text[:20])
def test_json_that_is_no_table(tmp_path, text):
    (tmp_path / "rows.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(TableError) as raised:
        read_training_table(open_source(tmp_path / "rows.jsonl"), TableOptions())
    assert BAD_JSON[text] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_columns_of_json_begin_and_change_in_any_row(tmp_path, monkeypatch):
    monkeypatch.setattr("skood.cli.files._json._PIECE", 100)  # bytes: some four rows
    lines = [{"a": i, "c": "2026-01-01"} for i in range(200)]
    lines[190] = {"a": 0.5, "b": True, "c": "soon", "d": "[[{" * 50}
    text = "\n".join(map(json.dumps, lines))
    (tmp_path / "rows.jsonl").write_text(text)
    source = open_source(tmp_path / "rows.jsonl")
    assert (source.columns, source.expected_rows) == (["a", "c", "b", "d"], 200)
    blocks = source.blocks(RowLayout("table", ("a",), ("b", "c")), 7)
    rows = pd.concat([block.rows for block in blocks], ignore_index=True)
    assert rows["a"].tolist() == [line["a"] for line in lines]
    assert rows["c"].tolist() == [line["c"] for line in lines]
    assert rows.index[rows["b"].notna()].tolist() == [190]
    (tmp_path / "rows.jsonl").write_text(text + '\n{"a":"x"}')
    with pytest.raises(TableError, match=r"Row 201 of .* has a string in the column 'a'"):
        open_source(tmp_path / "rows.jsonl")


def test_damaged_arrow_files(tmp_path):
    frame = orders(400)
    path, layout = tmp_path / "rows.arrow", LAYOUT
    for content in (arrow(frame), arrow(frame, pa.ipc.new_stream)):
        for broken in (content[:-8], content[: len(content) // 2], content[:100], b"ARROW1"):
            path.write_bytes(broken)
            with pytest.raises(TableError, match=r"rows\.arrow is"):
                list(open_source(path).blocks(layout))
        random = np.random.default_rng(0)
        for _ in range(40):
            damaged = bytearray(content)
            for place in random.integers(len(content), size=20):
                damaged[place] = random.integers(256)
            path.write_bytes(damaged)
            try:
                source = open_source(path)
                layout.check_columns(source.name, source.columns)
                rows = sum(map(len, source.blocks(layout)))
            except TableError as error:
                assert "\n" not in str(error)  # noqa: PT017  # either end is right
            else:
                assert rows == 400
    path.write_bytes(b"FEA1" + b"\0" * 20 + b"FEA1")
    with pytest.raises(TableError, match="Feather file of version 1"):
        open_source(path)


TEXT_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string()),
    pa.dictionary(pa.int64(), pa.string_view()),
]


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
def test_text_of_every_type_of_arrow(tmp_path, kind):
    values = ["x", None, "y", "x"] * 20
    if pa.types.is_dictionary(kind):
        codes = pa.array([0, None, 1, 0] * 20, kind.index_type)
        column = pa.DictionaryArray.from_arrays(codes, pa.array(["x", "y"], kind.value_type))
    else:
        column = pa.array(values, kind)
    names = pa.array([f"n{i}" for i in range(80)], pa.string_view())
    rows = pa.table({"t": column, "x": np.arange(80.0) % 7, "id": names})
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)
    source = open_source(tmp_path / "rows.arrow")
    (block,) = source.blocks(RowLayout("table", ("x",), ("t",), "id"))
    assert [None if pd.isna(v) else v for v in block.rows["t"]] == values
    assert block.ids.to_pylist() == names.to_pylist()
    (swapped,) = source.blocks(RowLayout("table", ("x",), ("id",), "t"))
    assert swapped.ids.to_pylist() == values
    assert not any("view" in str(ids.type) for ids in (block.ids, swapped.ids))


def test_a_dictionary_may_hold_a_missing_value(tmp_path):
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 2]), pa.array(["x", None, "y"]))
    parquet_like = pa.table({"t": column, "x": [1.0, 2, 3, 4]})
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), parquet_like.schema) as writer:
        writer.write_table(parquet_like)
    (block,) = open_source(tmp_path / "rows.arrow").blocks(RowLayout("table", ("x",), ("t",)))
    assert [None if pd.isna(v) else v for v in block.rows["t"]] == ["x", None, "x", "y"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (csv, None),
        (tsv, None),
        (lambda frame: packed(csv(frame), "zstd"), None),
        (lambda frame: packed(json_lines(frame), "gzip"), None),
        (json_lines, None),
        (feather, None),
        (lambda frame: arrow(frame, pa.ipc.new_stream), None),
        (lambda frame: frame.to_parquet(index=False), None),
        (csv, "csv"),
    ],
)
def test_rows_of_stdin(monkeypatch, tmp_path, content, kind):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", Stdin(content(orders(50))))
    source = open_source(Path("-"), ReadingOptions(format=kind))
    assert source.name == "stdin"
    assert len(names_in(tmp_path)) == 1
    (block,) = source.blocks(LAYOUT)
    assert block.ids.to_pylist() == list(orders(50)["id"])
    del source
    assert names_in(tmp_path) == []
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    with pytest.raises(TableError, match=r"stdin is|stdin has no rows"):
        open_source(Path("-"), ReadingOptions(format=kind)).raw_columns(["a"])
    assert names_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes there")
@pytest.mark.parametrize("name", ["rows.csv", "63", "rows.jsonl.gz", "rows.parquet"])
def test_rows_of_a_pipe(monkeypatch, tmp_path, name):
    """As of ``<(...)`` in shells: it is read once, and blocks who opens it again."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    content = {
        "rows.jsonl.gz": lambda frame: packed(json_lines(frame), "gzip"),
        "rows.parquet": lambda frame: frame.to_parquet(index=False),
    }
    os.mkfifo(tmp_path / name)
    writer = threading.Thread(
        target=(tmp_path / name).write_bytes, args=[content.get(name, csv)(orders(50))]
    )
    writer.start()
    source = open_source(tmp_path / name)
    assert source.name == name
    for _ in range(2):
        (block,) = source.blocks(LAYOUT)
        assert block.ids.to_pylist() == list(orders(50)["id"])
    writer.join()
    del source
    assert names_in(tmp_path / "temporary") == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such device there")
def test_a_device_holds_no_rows():
    with pytest.raises(OptionError, match="'/dev/zero' is a device"):
        open_source(Path("/dev/zero"))


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    write(orders(200), folder / "train.csv")
    fit = [
        "fit",
        "--train",
        folder / "train.csv",
        "--save",
        folder / "d.skood",
        "--id-column",
        "id",
    ]
    assert main([*map(str, fit), "--detector", "md", "--quiet"]) == 0
    return folder / "d.skood"


def test_stdin_and_stdout_of_the_commands(detector, tmp_path, monkeypatch, capfdbinary):
    def run(*arguments, rows=None):
        monkeypatch.setattr(sys, "stdin", Stdin(csv(strange_orders() if rows is None else rows)))
        status = main([*map(str, arguments)])
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    status, _, err = run("score", detector, "--new", "-", "--output", tmp_path / "scores.csv")
    assert (status, "40 rows of stdin scored" in err) == (0, False)
    expected = (tmp_path / "scores.csv").read_text()
    status, out, err = run("score", detector, "--new", "-", "--output", "-")
    assert (status, out) == (0, expected)
    assert "40 rows of stdin scored" in err
    assert "the lowest scores in stdout:" in err
    train = detector.parent / "train.csv"
    fit = ["--detector", "md", "--id-column", "id", "--quiet"]
    assert run("detect", "--train", train, "--new", "-", "--output", "-", *fit) == (0, out, "")
    status, _, _ = run(
        "fit", "--train", "-", "--save", tmp_path / "d.skood", *fit, rows=orders(200)
    )
    assert status == 0
    status, out, _ = run("check", "-", "--against", detector)
    assert (status, "purple" in out) == (3, True)

    def refused(match, *arguments, rows=None):
        status, out, err = run(*arguments, rows=rows)
        assert status in (2, 3)
        assert out == ""
        assert match in err
        assert err.count("\n") == 1

    refused(
        "stdin and pipes are read once",
        "score",
        detector,
        "--new",
        "-",
        "--output",
        "-",
        "--resume",
    )
    one = "Only one of the files can be -"
    refused(one, "detect", "--train", "-", "--new", "-", "--output", "-")
    refused(one, "check", "-", "--against", "-")
    odd = strange_orders()
    odd.loc[39, "length"] = None  # after blocks that are scored
    score = ["score", detector, "--new", "-", "--block-rows", "8", "--quiet", "--output"]
    refused("stdin has 1 missing value ", *score, "-", rows=odd)
    refused("stdin has 1 missing value ", *score, tmp_path / "odd.csv", rows=odd)
    assert names_in(tmp_path) == ["d.skood", "scores.csv", "temporary"]
    assert names_in(tmp_path / "temporary") == []


@pytest.mark.filterwarnings("ignore:The 'float_precision' argument")  # early pandas needs it
def test_results_of_every_format(detector, tmp_path):
    path = write(strange_orders(), tmp_path / "new.csv")
    read_csv = partial(pd.read_csv, float_precision="round_trip")
    readers = {
        "s.csv": read_csv,
        "s.csv.gz": read_csv,
        "s.csv.zst": lambda path: read_csv(io.BytesIO(pa.input_stream(path).read())),
        "s.tsv": partial(read_csv, sep="\t"),
        "s.jsonl": lambda path: pd.DataFrame(map(json.loads, path.read_text().splitlines())),
        "s.parquet": pd.read_parquet,
        "s.arrow": pd.read_feather,
        "s.feather": pd.read_feather,
    }
    expected = None
    for name, read in readers.items():
        more = ["--output", str(tmp_path / name), "--explain", "1", "--block-rows", "16", "--quiet"]
        assert main(["score", str(detector), "--new", str(path), *more]) == 0
        results = read(tmp_path / name)
        expected = results if expected is None else expected
        pd.testing.assert_frame_equal(results, expected, check_exact=True, check_dtype=False)


def test_extra_columns_are_ignored_where_asked(detector, tmp_path, capsys):
    new = strange_orders().assign(extra=1, more="x")
    path = write(new, tmp_path / "new.csv")
    score = ["score", str(detector), "--new", str(path), "--output", str(tmp_path / "scores.csv")]
    assert main(score) == 3
    assert "or all with --ignore-extra" in capsys.readouterr().err
    assert main([*score, "--ignore-extra"]) == 0
    told = "columns of new.csv that the training rows lack are ignored: 'extra', 'more'\n"
    assert told in capsys.readouterr().err
    scores = (tmp_path / "scores.csv").read_text()
    write(strange_orders(), path)
    assert main([*score, "--ignore-extra", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "scores.csv").read_text() == scores
    write(new.drop(columns="length"), path)
    assert main([*score, "--ignore-extra"]) == 3
    assert "lacks the column 'length'" in capsys.readouterr().err
    write(new, path)
    check = ["check", str(path), "--against", str(detector)]
    assert main(check) == 3
    assert "--ignore-extra" in capsys.readouterr().out
    main([*check, "--ignore-extra"])
    printed = capsys.readouterr()
    assert told in printed.err
    assert "'extra'" not in printed.out


def test_an_ending_that_tells_nothing_needs_the_format(tmp_path):
    path = tmp_path / "rows.dat"
    path.write_bytes(csv(orders(20)))
    with pytest.raises(OptionError, match="name the format with --format"):
        open_source(path)
    (block,) = open_source(path, ReadingOptions(format="csv")).blocks(LAYOUT)
    assert len(block) == 20
    path = write(orders(20), tmp_path / "rows.parquet")
    assert open_source(path, ReadingOptions(format="csv")).expected_rows == 20


def test_types_that_pandas_lacks_and_types_with_long_names(tmp_path, capsys):
    random = np.random.default_rng(0)
    ones = [pa.array(random.normal(size=100))]
    odd = {
        "union": pa.UnionArray.from_sparse(pa.array([0] * 100, pa.int8()), ones),
        "wide": pa.array([{str(i): 1.0 for i in range(300)}] * 100),
    }
    for (name, values), status in zip(odd.items(), (0, 3), strict=True):
        path = tmp_path / f"{name}.arrow"
        table = pa.table({"a": random.normal(size=100), "odd": values})
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
        arguments = ["detect", "--train", path, "--new", path, "--output", tmp_path / "o.csv"]
        assert main([*map(str, arguments), "--quiet"]) == status, name
    assert len(pd.read_csv(tmp_path / "o.csv")) == 100
    err = capsys.readouterr().err
    assert "The column 'odd' of wide.arrow has values of the type struct<" in err
    assert "--exclude odd" in err
    assert len(err) < 400
