"""Rows that a wrong quote in a CSV file swallows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from ...preprocessing.table_findings import shortened


def quote_fault(source: Any, n_rows: int | None = None) -> str | None:
    """Describe the first quote that makes one row of several, if there is one.

    If a reader has found `n_rows`, the file is read once more only if it has quotes and another
    number of lines.
    """
    if not source.has_quotes():
        return None
    if n_rows is not None:
        count, last = 0, ""
        with source.open_text() as file:
            for line in file:
                if source.is_row(line):
                    count, last = count + 1, line
        if count == n_rows and _is_closed(last, source.delimiter):
            return None
    with source.open_text() as file:
        return _first_wrong_quote(source, file, n_rows)


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
    return f"{source.name} has {row:,} rows, and {n_rows:,} were read: mend its quotes."


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
