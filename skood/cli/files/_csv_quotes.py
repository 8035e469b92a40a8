"""Rows that a wrong quote in a CSV file swallows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ...preprocessing.table_findings import shortened


def quote_fault(source: Any, n_rows: int | None = None) -> str | None:
    """Describe the first quote that makes one row of several, if there is one.

    If a reader has found `n_rows`, the cells are read once more only if the file has quotes and
    another number of lines.
    """
    if not source.has_quotes() or (n_rows is not None and _has_lines(source, n_rows)):
        return None
    with source.open_text() as file:
        return _first_wrong_quote(source, file, n_rows)


def _has_lines(source: Any, n_rows: int) -> bool:
    """Whether each row is a line, by the bytes alone, which is quick, and the last one ends."""
    if "\n".encode(source.encoding) != b"\n":
        return False  # a line end has several bytes
    single, count, last = len(source.columns) == 1, 0, b""
    with source.open_bytes() as file:
        for line in islice(file, source.n_before_rows, None):
            if single or line not in (b"\n", b"\r\n"):  # a blank line is a row of one cell
                count, last = count + 1, line
    return count == n_rows and _is_closed(last.decode(source.encoding, "replace"), source.delimiter)


def _is_closed(line: str, delimiter: str) -> bool:
    try:
        list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def _first_wrong_quote(source: Any, lines_left: Iterator[str], n_rows: int | None) -> str | None:
    lines: list[str] = []  # those of the current row

    def noted() -> Iterator[str]:
        for line in lines_left:
            lines.append(line)
            yield line

    rows = csv.reader(noted(), delimiter=source.delimiter, strict=True)
    row = 0
    while True:
        lines.clear()
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error:
            return _sentence(source, row, lines[0])
        if not source.is_row("".join(lines)):
            continue
        row += 1
        if len(lines) > 1 and _are_rows(lines, len(cells), source.delimiter):
            return _sentence(source, row - 1, lines[0])
    if n_rows is None or row == n_rows:
        return None
    return f"{source.name} has {row:,} rows, and {n_rows:,} were read: correct its quotes."


def _are_rows(lines: list[str], width: int, delimiter: str) -> bool:
    """Whether each line of a row would be a row without its quotes."""
    if width < 2 or len(lines) == width == 2:  # one delimiter may well stand in a text
        return False
    return all(line.count(delimiter) == width - 1 for line in lines)


def _sentence(source: Any, row: int, line: str) -> str:
    line = line.rstrip("\r\n")
    return (
        f"Row {row + 1:,} of {source.name} has a quote that does not end in its line, and would "
        f"swallow the rows after it: {shortened(line)!r}."
    )
