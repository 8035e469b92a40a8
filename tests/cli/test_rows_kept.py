"""Rows in = rows out, whatever quotes, blank lines, delimiters and headers a CSV file has."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

from skood.cli.files import (
    ReadingOptions,
    RowLayout,
    TableError,
    open_source,
    read_ahead,
    read_training_table,
)
from skood.preprocessing.table_decisions import TableOptions

from .cli_files import write

BEFORE = ["\n", "\r\n\r\n", "  \n", "\ufeff\n", "\ufeffsep=,\n", '"sep=,"\n\n']


def csv_file(folder, text, encoding="utf-8"):
    path = folder / "rows.csv"
    path.write_bytes(text.encode(encoding))
    return path


def lines(n, colour="red"):
    return [f"{i},{i * 0.37 % 5:.2f},{colour}" for i in range(n)]


def blocks_of(path, layout):
    return pd.concat([block.rows for block in open_source(path).blocks(layout)])


LAYOUT = RowLayout("table", ("b",), ("c",), "a")


@pytest.mark.parametrize("row", [3, 46, 50])
@pytest.mark.parametrize("excluded", [False, True])
@pytest.mark.parametrize("head", ["a,b,c", '"a","b","c"'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quote_still_open_at_the_end_names_its_row(tmp_path, row, excluded, head, end):
    rows = lines(50)
    rows[row - 1] = rows[row - 1].replace("red", '"red')
    path = csv_file(tmp_path, end.join([head, *rows, ""]))
    sentence = f"Row {row} of rows.csv has a quote that does not end in its line"
    layout = RowLayout("table", ("b",), (), "a", ("c",)) if excluded else LAYOUT
    with pytest.raises(TableError, match=sentence):
        blocks_of(path, layout)
    with pytest.raises(TableError, match=sentence):
        read_training_table(open_source(path), TableOptions("a", layout.exclude))


def test_two_wrong_quotes_swallow_no_rows(tmp_path):
    rows = lines(50)
    for row in (9, 30):
        rows[row] = rows[row].replace("red", '"red')
    with pytest.raises(TableError, match=r"Row 10 of rows\.csv has a quote"):
        blocks_of(csv_file(tmp_path, "\n".join(["a,b,c", *rows])), LAYOUT)
    rows = lines(50)
    rows[9], rows[30] = rows[9].replace("red", '"red'), rows[30].replace("red", 'red"')
    with pytest.raises(TableError, match=r"Row 10 of rows\.csv has a quote"):
        blocks_of(csv_file(tmp_path, "\n".join(["a,b,c", *rows])), LAYOUT)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_in_a_cell_are_no_fault(tmp_path, encoding, end):
    rows = lines(50)
    rows[9] = rows[9].replace("red", f'"dark, or{end}{end}""light"", red"')
    text = end.join(['a,b,"c"', *rows[:20], "", *rows[20:], ""])
    path = csv_file(tmp_path, text, encoding)
    source = open_source(path, ReadingOptions("utf-16" if encoding == "utf-16" else "utf-8"))
    rows = pd.concat([block.rows for block in source.blocks(LAYOUT)])
    assert len(rows) == 50
    assert rows["c"].iloc[9].splitlines() == ["dark, or", "", '"light", red']


@pytest.mark.parametrize("gap", ["", '""'])
def test_an_empty_cell_of_the_only_column_is_a_row(tmp_path, gap):
    values = [f"{i}.5" for i in range(50)]
    values[3] = values[20] = gap
    path = csv_file(tmp_path, "\n".join(["a", *values, ""]))
    rows = blocks_of(path, RowLayout("table", ("a",)))
    assert len(rows) == 50
    assert rows["a"].isna().tolist() == [i in (3, 20) for i in range(50)]


@pytest.mark.parametrize(
    "start", ["\n", "\r\n\r\n", "  \n", "\ufeff\n", "\ufeffsep=,\n", "sep=,\n\n"]
)
def test_lines_before_the_header(tmp_path, start):
    path = csv_file(tmp_path, start + "\n".join(["a,b,c", *lines(50)]))
    source = open_source(path)
    assert source.columns == ["a", "b", "c"]
    assert len(blocks_of(path, LAYOUT)) == 50
    rows, _ = read_training_table(source, TableOptions("a"))
    assert len(rows) == 50


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("start", ["", "told"])
def test_a_delimiter_is_found_and_told(tmp_path, delimiter, start):
    start = f"sep={delimiter}\n" if start else ""
    text = start + "\n".join(["a,b,c", *lines(50, "1,5")])
    path = csv_file(tmp_path, text.replace(",", delimiter).replace(f"1{delimiter}5", "1,5"))
    source = open_source(path)
    assert source.columns == ["a", "b", "c"]
    assert source.notes == [] if start else "is read with the delimiter" in source.notes[0]
    assert set(blocks_of(path, LAYOUT)["c"]) == {"1,5"}


def test_a_comma_in_each_cell_of_a_file_of_semicolons(tmp_path):
    path = csv_file(tmp_path, "\n".join(["a;b,c", *["1,5;2"] * 9]))
    assert open_source(path).columns == ["a", "b,c"] or open_source(path).columns == ["a;b", "c"]


def test_two_parquet_columns_of_one_name(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(TableError, match="has several columns with the name 'a'"):
        open_source(tmp_path / "rows.parquet")


def test_a_quoted_file_of_pandas_is_read_whole(tmp_path):
    frame = pd.DataFrame({"a": range(40), "b": 0.5, "c": ['5" pipe', "two\nlines"] * 20})
    assert blocks_of(write(frame, tmp_path / "rows.csv"), LAYOUT)["c"].tolist() == list(frame["c"])


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ('"a\rx",b,c', ["a\rx", "b", "c"]),
        ('"a\nx",b,c', ["a\nx", "b", "c"]),
        ("a,, ", ["a", "column 2", "column 3"]),
        ("a, a,c", ["a", " a", "c"]),
        ("a,\u00a0,c", ["a", "column 2", "c"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_names_of_all_kinds(tmp_path, header, columns, end):
    source = open_source(csv_file(tmp_path, end.join([header, *lines(50), ""])))
    assert source.columns == columns
    assert source.unnamed == [name for name in columns if name.startswith("column")]
    rows, layout = read_training_table(source, TableOptions(features=tuple(columns)))
    assert len(rows) == sum(map(len, source.blocks(layout))) == 50


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('"a,b,c\n1,2,3\n', "The first line of rows.csv cannot be read: unexpected end of data."),
        ('"a,b,c\n1,2,"x"\n', "The first line of rows.csv cannot be read"),
        ('"a,b,c\n1,2,"\n1,2,3', "The first line of rows.csv has a quote that is not closed."),
        ("a\rx,b,c\n1,2,3\n", "Row 1 of rows.csv has 3 values for 1 column: 'x,b,c'."),
        ("a,,column 2\n1,2,3\n", "rows.csv has several columns with the name 'column 2'."),
        ("a\r\r\n1\r\r\n2\r\r\n", "rows.csv ends its lines with"),
        ("a,b\n" + "1" * (1 << 22) + ",2\n", "rows.csv has a row that is very long"),
    ],
)
def test_headers_and_rows_of_no_table(tmp_path, text, sentence):
    with pytest.raises(TableError) as raised:
        read_training_table(open_source(csv_file(tmp_path, text)), TableOptions())
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("told", [{"decimal": ","}, {"thousands": "."}])
def test_a_dot_divides_thousands_where_told(tmp_path, told):
    cells = [f"{i % 7 + 1}.{i * 7 + 100};x" for i in range(50)]
    path = csv_file(tmp_path, "\n".join(["a;b", *cells]))
    source = open_source(path, ReadingOptions(**told))
    rows, layout = read_training_table(source, TableOptions(**told))
    assert rows["a"].tolist() == [1000 * (i % 7 + 1) + i * 7 + 100 for i in range(50)]
    assert next(source.blocks(layout)).rows["a"].tolist() == rows["a"].tolist()


def test_the_next_block_is_read_meanwhile_and_no_other():
    read, began = [], threading.Event()

    def blocks():
        for i in range(5):
            read.append(i)
            if i == 1:
                began.set()
            yield i

    with read_ahead(blocks()) as ahead:
        assert next(ahead) == 0
        assert began.wait(60)  # although nobody has asked for it
        assert next(ahead) == 1
    assert read == [0, 1, 2]
    with read_ahead(blocks()) as ahead:
        assert list(ahead) == [0, 1, 2, 3, 4]


def test_an_error_of_the_reader_comes_after_the_blocks_before_it():
    def blocks():
        yield "first"
        raise TableError("rows.csv ends in the middle.")

    with read_ahead(blocks()) as ahead:
        assert next(ahead) == "first"
        with pytest.raises(TableError, match="in the middle"):
            next(ahead)
