"""Messy text files of the same rows, and what the commands do with them.

A change of a kind keeps the values, the number of rows, or nothing. What it must keep is checked
where a command ends with exit status 0.
"""

# ruff: noqa: ARG005 - the functions of a table have one signature
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

VALUES, ROWS, NOTHING = "values", "rows", "nothing"


@dataclass
class Text:
    """A text file before it is written."""

    header: list[str]
    cells: list[list[str]]
    random: np.random.Generator
    delimiter: str = ","
    end: str = "\n"
    quoting: int = csv.QUOTE_MINIMAL
    encoding: str = "utf-8"
    before: str = ""
    after: str = ""
    name: str = "new.csv"
    options: list[str] = field(default_factory=list)
    change: Callable[[bytes], bytes] = bytes

    def written(self, folder: Path) -> Path:
        """Write the file."""
        target = io.StringIO()
        writer = csv.writer(
            target,
            delimiter=self.delimiter,
            lineterminator=self.end,
            quoting=self.quoting,  # type: ignore[arg-type]
            escapechar="\\" if self.quoting == csv.QUOTE_NONE else None,
        )
        writer.writerows([self.header, *self.cells] if self.header else self.cells)
        text = self.before + target.getvalue() + self.after
        path = folder / self.name
        path.write_bytes(self.change(text.encode(self.encoding, errors="replace")))
        return path

    def numbers(self, change: Callable[[str], str]) -> None:
        """Write the numbers of a column in another way."""
        column = self.header.index(str(self.random.choice(["length", "width"])))
        for row in self.cells:
            row[column] = change(row[column])

    def cell(self, text: str, column: str | None = None) -> None:
        """Write something into one cell."""
        j = self.random.integers(len(self.header)) if column is None else self.header.index(column)
        self.cells[self.random.integers(len(self.cells))][j] = text

    def line(self, row: list[str], place: int | None = None) -> None:
        """Put in a row of its own."""
        place = int(self.random.integers(1, len(self.cells))) if place is None else place
        self.cells.insert(place, row)


def new_text(frame: pd.DataFrame, random: np.random.Generator) -> Text:
    """The clean file of a frame."""
    texts = [[str(value) for value in row] for row in frame.to_numpy(dtype=object)]
    return Text(list(frame.columns), texts, random)


def _set(**changes: object) -> Callable[[Text], None]:
    return lambda text: text.__dict__.update(changes)


def _numbers(change: Callable[[str], str], **changes: object) -> Callable[[Text], None]:
    def act(text: Text) -> None:
        text.numbers(change)
        text.__dict__.update(changes)

    return act


def _comma(text: Text) -> None:
    text.delimiter = ";"
    for row in text.cells:
        row[1:3] = [cell.replace(".", ",") for cell in row[1:3]]


def _reordered(text: Text) -> None:
    order = text.random.permutation(len(text.header))
    text.header = [text.header[j] for j in order]
    text.cells = [[row[j] for j in order] for row in text.cells]


def _blank_lines(text: Text) -> None:
    place = int(text.random.integers(len(text.cells)))
    text.cells[place][0] = text.cells[place][0] + "\x00BLANK"
    marked = text.end.encode()
    text.change = lambda content: content.replace(b"\x00BLANK", b"").replace(marked, marked * 2, 3)


def _trailing(text: Text) -> None:
    text.header = [*text.header, ""]
    text.cells = [[*row, ""] for row in text.cells]


def _bytes(change: Callable[[bytes, np.random.Generator], bytes]) -> Callable[[Text], None]:
    def act(text: Text) -> None:
        text.change = lambda content: change(content, text.random)

    return act


def _flipped(content: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for place in random.integers(len(content), size=random.integers(1, 6)):
        changed[place] = random.integers(256)
    return bytes(changed)


def _cut(content: bytes, random: np.random.Generator) -> bytes:
    return content[: random.integers(len(content))]


def _cell(value: str, column: str | None = None) -> Callable[[Text], None]:
    return lambda text: text.cell(value, column)


def _row(
    make: Callable[[list[str]], list[str]], place: int | None = None
) -> Callable[[Text], None]:
    return lambda text: text.line(make(list(text.cells[0])), place)


def _column(name: str, make: Callable[[int], str]) -> Callable[[Text], None]:
    def act(text: Text) -> None:
        text.header.append(name)
        for i, row in enumerate(text.cells):
            row.append(make(i))

    return act


def _named(change: Callable[[list[str]], list[str]]) -> Callable[[Text], None]:
    def act(text: Text) -> None:
        text.header = change(text.header)

    return act


def _column_of(column: str, make: Callable[[str], str]) -> Callable[[Text], None]:
    def act(text: Text) -> None:
        j = text.header.index(column)
        for row in text.cells:
            row[j] = make(row[j])

    return act


def _padded(text: Text) -> None:
    text.cells = [[f" {cell} " for cell in row] for row in text.cells]
    for row in text.cells:
        row[0] = row[0].strip()


CHANGES: dict[str, tuple[str, Callable[[Text], None]]] = {
    "nothing": (VALUES, lambda text: None),
    "semicolons": (VALUES, _set(delimiter=";")),
    "pipes": (VALUES, _set(delimiter="|")),
    "tabs": (VALUES, _set(delimiter="\t")),
    "tabs in .tsv": (VALUES, _set(delimiter="\t", name="new.tsv")),
    "commas in .tsv": (VALUES, _set(name="new.tsv")),
    "capital ending": (VALUES, _set(name="new.CSV")),
    "comma and semicolon": (VALUES, _comma),
    "carriage returns": (VALUES, _set(end="\r\n")),
    "old carriage returns": (VALUES, _set(end="\r")),
    "all in quotes": (VALUES, _set(quoting=csv.QUOTE_ALL)),
    "text in quotes": (VALUES, _set(quoting=csv.QUOTE_NONNUMERIC)),
    "mark of utf-8": (VALUES, _set(encoding="utf-8-sig")),
    "utf-16": (VALUES, _set(encoding="utf-16")),
    "utf-16 told": (VALUES, _set(encoding="utf-16", options=["--encoding", "utf-16"])),
    "latin-1": (VALUES, _set(encoding="latin-1")),
    "wrong encoding told": (ROWS, _set(options=["--encoding", "utf-32"])),
    "ascii told": (ROWS, _set(options=["--encoding", "ascii"])),
    "sep=": (VALUES, _set(before="sep=,\n")),
    "sep=;": (VALUES, _set(before="sep=;\n", delimiter=";")),
    "blank first line": (VALUES, _set(before="\n")),
    "blank lines": (VALUES, _blank_lines),
    "blank end": (VALUES, _set(after="\n\n \n")),
    "no line at the end": (VALUES, _bytes(lambda content, _: content.rstrip(b"\n"))),
    "other order": (VALUES, _reordered),
    "spaces": (VALUES, _padded),
    "names with spaces": (ROWS, _named(lambda names: [f" {name} " for name in names])),
    "capital names": (ROWS, _named(lambda names: [name.upper() for name in names])),
    "plus": (VALUES, _numbers(lambda v: v if v.startswith("-") else f"+{v}")),
    "zeros": (VALUES, _numbers(lambda v: f"{v}000")),
    "exponents": (VALUES, _numbers(lambda v: f"{float(v):.17e}")),
    "unit": (VALUES, _numbers(lambda v: f"{v} cm")),
    "minus of typesetters": (VALUES, _numbers(lambda v: v.replace("-", "\u2212"))),
    "spaces that do not break": (VALUES, _numbers(lambda v: f"\u00a0{v}\u00a0")),
    "percent": (ROWS, _numbers(lambda v: f"{v}%")),
    "currency": (VALUES, _numbers(lambda v: f"€{v}")),
    "parentheses": (VALUES, _numbers(lambda v: f"({v[1:]})" if v.startswith("-") else v)),
    "decimal comma in quotes": (VALUES, _numbers(lambda v: v.replace(".", ","))),
    "decimal comma told": (
        VALUES, _numbers(lambda v: v.replace(".", ","), options=["--decimal", ","])
    ),
    "wrong decimal told": (ROWS, _set(options=["--decimal", ","])),
    "hexadecimal": (ROWS, _numbers(lambda v: float(v).hex())),
    "underscores": (ROWS, _numbers(lambda v: v.replace(".", "_."))),
    "two points": (ROWS, _numbers(lambda v: f"{v}.5")),
    "digits of Arabic": (
        ROWS, _numbers(lambda v: v.translate({48 + i: 0x660 + i for i in range(10)}))
    ),
    "boolean as 0 and 1": (VALUES, _column_of("ok", lambda v: str(int(v == "True")))),
    "boolean as yes": (VALUES, _column_of("ok", lambda v: "yes" if v == "True" else "no")),
    "boolean lower": (VALUES, _column_of("ok", str.lower)),
    "whole as float": (VALUES, _column_of("count", lambda v: f"{v}.0")),
    "colours capital": (ROWS, _column_of("colour", str.upper)),
    "other colours": (ROWS, _column_of("colour", lambda v: f"{v}ish")),
    "no id": (ROWS, _column_of("id", lambda v: "")),
    "a gap": (ROWS, _cell("")),
    "NA": (ROWS, _cell("NA")),
    "a dash": (ROWS, _cell("-")),
    "?": (ROWS, _cell("?", "length")),
    "#DIV/0!": (ROWS, _cell("#DIV/0!", "width")),
    "infinity": (ROWS, _cell("inf", "width")),
    "too large": (ROWS, _cell("1e400", "width")),
    "large": (ROWS, _cell("1e200", "width")),
    "tiny": (ROWS, _cell("1e-320", "width")),
    "many digits": (ROWS, _cell("1" * 5000, "count")),
    "a long cell": (ROWS, _cell("x" * 2_000_000, "colour")),
    "a word": (ROWS, _cell("east", "width")),
    "a quote in a cell": (VALUES, _column_of("id", lambda v: f'{v}"x')),
    "lines in a cell": (VALUES, _column_of("id", lambda v: f"{v}\nx")),
    "a delimiter in a cell": (VALUES, _column_of("id", lambda v: f"{v},;x")),
    "formulas": (VALUES, _column_of("id", lambda v: f"=HYPERLINK({v})")),
    "escapes of terminals": (VALUES, _column_of("id", lambda v: f"\x1b[2J{v}")),
    "a colour of another script": (ROWS, _cell("\u202egr\u00fcn", "colour")),
    "a short row": (NOTHING, _row(lambda row: row[:-2])),
    "a long row": (NOTHING, _row(lambda row: [*row, "1"])),
    "a total": (NOTHING, _row(lambda row: ["Total", "500", "2", "", "", ""], -1)),
    "the header again": (NOTHING, lambda text: text.line(list(text.header))),
    "a comment": (NOTHING, _set(before="# made by a device\n")),
    "two headers": (NOTHING, lambda text: text.line(["", "cm", "cm", "", "", ""], 0)),
    "no header": (NOTHING, _set(header=[])),
    "no header, told": (NOTHING, _set(header=[], options=["--no-header"])),
    "header only": (NOTHING, _set(cells=[])),
    "empty": (NOTHING, _set(header=[], cells=[])),
    "one row": (NOTHING, lambda text: text.__dict__.update(cells=text.cells[:1])),
    "an open quote": (NOTHING, _bytes(lambda c, r: c.replace(b",red", b',"red', 1))),
    "a stray quote": (NOTHING, _bytes(lambda c, r: c.replace(b",green", b',gr"een', 1))),
    "two stray quotes": (NOTHING, _bytes(lambda c, r: c.replace(b",green", b',"green', 2))),
    "a zero byte": (NOTHING, _bytes(lambda c, r: c[:300] + b"\0" + c[300:])),
    "changed bytes": (NOTHING, _bytes(_flipped)),
    "cut": (NOTHING, _bytes(_cut)),
    "twice": (NOTHING, _bytes(lambda c, r: c + c)),
    "noise": (NOTHING, _bytes(lambda c, r: r.bytes(3000))),
    "noise of Parquet": (NOTHING, _set(name="new.parquet")),
    "noise of NumPy": (NOTHING, _set(name="new.npy")),
    "noise of an archive": (NOTHING, _set(name="new.npz")),
    "no ending": (NOTHING, _set(name="new")),
    "a column more": (ROWS, _column("more", str)),
    "a column of dates": (ROWS, _column("when", lambda i: f"2024-01-{i % 28 + 1:02d}")),
    "a column without a name": (ROWS, _column("", str)),
    "a column twice": (ROWS, _column("length", str)),
    "2,000 columns": (
        ROWS, lambda text: [_column(f"x{j}", lambda i: "1")(text) for j in range(2000)] and None
    ),
    "a trailing delimiter": (ROWS, _trailing),
    "a column less": (
        ROWS,
        lambda text: [row.pop(2) for row in (text.header, *text.cells)] and None,
    ),
    "other delimiter told": (NOTHING, _set(options=["--delimiter", ";"])),
    "a delimiter of letters": (NOTHING, _set(delimiter="x", options=["--delimiter", "x"])),
    "column not there": (NOTHING, _set(options=["--exclude", "nothing"])),
    "feature left out": (NOTHING, _set(options=["--exclude", "width"])),
}  # fmt: skip


def n_rows_of(path: Path, delimiter: str) -> int | None:
    """The rows of a file that Python's reader takes for a table; None if it does not."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    rows = [row for row in rows if row and any(cell.strip() for cell in row)]
    return len(rows) - 1 if len({len(row) for row in rows}) == 1 else None
