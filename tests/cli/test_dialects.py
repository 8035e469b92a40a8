"""Generated CSV files of all dialects: the values of pandas and DuckDB, or a refusal.

SKOOD_DIALECTS sets the number of files, 2,000 for a long run.
"""

from __future__ import annotations

import csv
import io
import os

import duckdb
import numpy as np
import pandas as pd

from skood.cli.files import ReadingOptions, TableError, open_source, read_training_table
from skood.preprocessing.table_decisions import TableOptions

FILES = int(os.environ.get("SKOOD_DIALECTS", "40"))
WORDS = ["red", "dark blue", "São Paulo", "naïve", "a,b", "c;d", "e|f", "tab\there", 'say "x"']
WORDS += ["two\nlines", "two\r\nlines", " padded", "padded ", "#1", "=1+1", "'q'", "0x1F", "Ünï"]
BOOLEANS = [("true", "false"), ("True", "False"), ("yes", "no"), ("0", "1"), ("T", "F")]
DATES = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d %H:%M:%S", "%d %b %Y"]
MARKS = ["", "NA", "n/a", "null", "NaN"]
NAMES = ["a", "b c", "d,e", "f;g", 'h "i"', "é", "x" * 40, " j", "two\nlines"]


class Dialect:
    """How one file is written, drawn at random."""

    def __init__(self, random: np.random.Generator) -> None:
        def one(*choices):
            return choices[random.integers(len(choices))]

        self.delimiter = one(",", ",", ";", "\t", "|")
        self.quoting = one(
            csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC
        )
        self.end = one("\n", "\n", "\r\n", "\r")
        self.encoding = one("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252")
        self.decimal = one(".", ".", ",")
        self.thousands = one("", "", *{"'", " ", ",", "."} - {self.decimal})
        self.told = bool(self.thousands) or random.random() < 0.5
        self.mark = one(*MARKS)
        self.booleans, self.date = one(*BOOLEANS), one(*DATES)
        # pandas takes a tab after two carriage returns for a part of the blank line.
        self.blank_lines = self.end != "\r" and random.random() < 0.2
        self.last_end = random.random() < 0.8
        self.n_rows = int(one(1, 2, 5, 30, 60))

    def number(self, value: float, digits: int) -> str:
        text = f"{value:,.{digits}f}"
        marks = {",": self.thousands, ".": self.decimal}
        return "".join(marks.get(sign, sign) for sign in text)

    def column(self, random: np.random.Generator) -> tuple[str, list[str]]:
        n, kind = self.n_rows, random.choice(["number", "whole", "text", "boolean", "date"])
        if kind == "number":
            scale, digits = 10.0 ** random.integers(-1, 7), int(random.integers(1, 5))
            cells = [self.number(v, digits) for v in random.normal(0, scale, n)]
        elif kind == "whole":
            cells = [
                self.number(v, 0) for v in random.integers(-50, 10 ** random.integers(2, 6), n)
            ]
        elif kind == "text":
            known = [
                w for w in WORDS if w.encode(self.encoding, "replace").decode(self.encoding) == w
            ]
            known = [w for w in known if self.end != "\r" or "\n" not in w]
            cells = list(random.choice(known, n))
        elif kind == "boolean":
            cells = list(random.choice(self.booleans, n))
        else:
            days = pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 400, n), "D")
            cells = [day.strftime(self.date) for day in days]
        for row in np.flatnonzero(random.random(n) < random.choice([0, 0, 0.2])):
            cells[row] = self.mark
        return kind, cells

    def write(self, path, names, columns) -> None:
        text = io.StringIO()
        writer = csv.writer(
            text, delimiter=self.delimiter, quoting=self.quoting, lineterminator=self.end
        )
        writer.writerow(names)
        for i, row in enumerate(zip(*columns, strict=True)):
            writer.writerow(row)
            if self.blank_lines and len(names) > 1 and i % 3 == 0:
                text.write(self.end)
        content = text.getvalue()
        content = content if self.last_end else content.removesuffix(self.end)
        path.write_bytes(content.encode(self.encoding))


def same_texts(got, expected) -> bool:
    """Whether two columns of text are equal, but for spaces around a text and its line ends."""

    def plain(values):
        return ["" if pd.isna(v) else "\n".join(str(v).strip().splitlines()) for v in values]

    return plain(got) == plain(expected)


def check(path, seed: int) -> str:
    """Read one file by all; say how it went."""
    random = np.random.default_rng(seed)
    dialect = Dialect(random)
    names = list(random.choice(NAMES, random.integers(1, 6), replace=False))
    safe = dialect.encoding if dialect.encoding in ("latin-1", "cp1252") else "utf-8"
    names = [name for name in names if name.encode(safe, "replace").decode(safe) == name]
    if dialect.end == "\r":  # csv quotes no other line end then
        names = [name for name in names if "\n" not in name]
    names = names or ["a"]
    kinds, columns = zip(*(dialect.column(random) for _ in names), strict=True)
    dialect.write(path, names, columns)
    marks = {"decimal": dialect.decimal, "thousands": dialect.thousands or None}
    told = marks if dialect.told else {"decimal": None, "thousands": None}
    encoding = dialect.encoding.removesuffix("-sig")
    delimiter = dialect.delimiter if random.random() < 0.5 or len(names) == 1 else None
    is_number = {name: kind in ("number", "whole") for name, kind in zip(names, kinds, strict=True)}
    expected = pd.read_csv(
        path,
        sep=dialect.delimiter,
        encoding=dialect.encoding,
        dtype={name: str for name in names if not is_number[name]},
        skip_blank_lines=len(names) > 1,
        **marks,
    )
    assert len(expected) == dialect.n_rows
    options = TableOptions(features=tuple(names), **told)
    try:
        source = open_source(path, ReadingOptions(encoding, delimiter, **told))
        assert source.columns == names
        texts = source.whole_table(names)
        assert len(texts) == dialect.n_rows
        for name, column in zip(names, columns, strict=True):
            assert same_texts(texts[name].to_pylist(), column), name
        rows, layout = read_training_table(source, options)
    except TableError as error:
        assert str(error)  # noqa: PT017  # either end is right
        return "refused"
    assert len(rows) == dialect.n_rows
    for name in layout.features:
        if is_number[name] and name in layout.numbers:
            numbers = expected[name].astype(float)  # older pandas rounds the last digit otherwise
            np.testing.assert_allclose(rows[name], numbers, rtol=1e-14, err_msg=name)
        elif name in layout.categories and layout.column(name).kind != "boolean":
            texts = columns[names.index(name)] if is_number[name] else expected[name]
            assert same_texts(rows[name], texts), name
    blocks = list(source.blocks(layout, int(random.integers(1, 40))))
    again = pd.concat([block.rows for block in blocks], ignore_index=True)
    pd.testing.assert_frame_equal(again, rows, check_exact=True)
    return "read" if _agrees_with_duckdb(path, dialect, names, columns) else "read by pandas alone"


def _agrees_with_duckdb(path, dialect: Dialect, names, columns) -> bool:
    """Whether DuckDB reads the same texts; False if it cannot read the file at all."""
    if not dialect.encoding.startswith("utf-8"):
        return False
    try:
        result = duckdb.read_csv(
            str(path),
            delimiter=dialect.delimiter,
            header=True,
            all_varchar=True,
            quotechar='"',
            escapechar='"',
        )
        rows = result.fetchall()
    except duckdb.Error:
        return False
    if len(rows) != dialect.n_rows:  # it drops or keeps blank lines by its own rule
        return False
    return all(same_texts([row[j] for row in rows], column) for j, column in enumerate(columns))


def test_generated_files_are_read_as_by_pandas_and_duckdb(tmp_path):
    ends = [check(tmp_path / "rows.csv", seed) for seed in range(FILES)]
    counts = {end: ends.count(end) for end in set(ends)}
    print(counts)
    assert counts.get("read", 0) > FILES / 5, counts
    assert counts.get("refused", 0) < FILES / 2, counts
