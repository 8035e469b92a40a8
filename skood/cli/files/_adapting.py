"""The layout for another file, which may write the same columns in another form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...preprocessing.table_columns import RawColumn
from ...preprocessing.table_dates import ISO, DateError, find_format, read_dates
from ...preprocessing.table_numbers import SpellingError, find_spelling, is_plain
from ...preprocessing.table_schema import ColumnSchema
from ...preprocessing.table_values import ColumnError, date_fault, date_texts, typed_values
from ._errors import TableError
from ._row_layout import RowLayout

_DOTS_OF_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_FEW_ROWS = 5  # of fewer, a range says nothing


def adapted(
    layout: RowLayout,
    sample: Sequence[RawColumn],
    name: str,
    decimal: str | None = None,
    thousands: str | None = None,
) -> tuple[RowLayout, list[str]]:
    """Decide how a file writes the numbers and dates of a layout."""
    schema = {column.name: column for column in layout.schema}
    notes = []
    for column in sample:
        known = layout.column(column.name)
        column = column.without(known.na)
        text = column.written()
        if known.kind == "date" and column.dates is None:
            dated = schema[column.name] = _dated_as(column, known, name)
            if dated.format not in (known.format, ISO):
                notes.append(
                    f"{column.name!r} of {name} is read as dates of the format {dated.format}"
                )
        if column.name not in layout.numbers or text is None:
            continue
        found = _spelled_as(text, known, name, decimal, thousands)
        if found is None:
            continue
        schema[column.name] = found
        if found.spelling != known.spelling:
            notes.append(f"{column.name!r} of {name} is read with {found.spelling}")
    return replace(layout, schema=tuple(schema.values())), notes


def _spelled_as(
    text: RawColumn, known: ColumnSchema, name: str, decimal: str | None, thousands: str | None
) -> ColumnSchema | None:
    """The description for this file, if it differs."""
    texts = text.text_list()
    if decimal is None and thousands is None:
        try:
            typed_values(text, known)
        except ColumnError:
            pass
        else:
            if all(map(is_plain, texts)):
                _refuse_dots_of_thousands(text, known, name)
                return None
            return None if known.spelled else replace(known, spelled=True)
    elif not any(mark in t for t in texts for mark in ".,"):
        return None
    try:
        spelling = find_spelling(texts, decimal, thousands)
    except SpellingError as error:
        if error.decimals:
            options = " or ".join(f"--decimal {mark!r}" for mark in error.decimals)
            raise TableError(
                f"The column {text.name!r} of {name} {error.problem}: say which with {options}."
            ) from error
        return None
    if spelling is None or spelling.unit != known.unit:
        return None
    return replace(known, spelled=True, decimal=spelling.decimal, thousands=spelling.thousands)


def _refuse_dots_of_thousands(text: RawColumn, known: ColumnSchema, name: str) -> None:
    """Raise if "1.234" may mean 1234: the training rows have whole numbers, as large as these."""
    low, high = known.low, known.high
    if known.spelled or low is None or high is None or low % 1 or high % 1:
        return
    dotted = [t for t in text.text_list() if "." in t]
    if not dotted or not all(map(_DOTS_OF_THOUSANDS.fullmatch, map(str.strip, dotted))):
        return
    numbers = np.array([float(t) for t in dotted])
    outside = [np.count_nonzero((v < low) | (v > high)) for v in (numbers, 1000 * numbers)]
    if outside[1] <= outside[0]:
        raise TableError(
            f"The column {text.name!r} of {name} has numbers such as {dotted[0]!r}, where '.' can "
            "stand before decimals or between thousands, and the training rows have whole numbers: "
            "say which with --decimal . or --decimal ,."
        )


def _dated_as(column: RawColumn, known: ColumnSchema, name: str) -> ColumnSchema:
    """The description with the format that the dates have in this file."""
    text = date_texts(column)
    if text is None or read_dates(text.text_list(), known.format, zoned=known.zoned)[1] is None:
        return known
    try:
        return replace(known, format=find_format(text.text_list())[0])
    except DateError as error:
        raise TableError(date_fault(text, error).sentence(name)) from error


def outside(layout: RowLayout, sample: Sequence[RawColumn]) -> list[str]:
    """The columns that rise or fall like a clock, outside their range in all rows of a sample.

    Such a column counts or is a clock: each new row lies outside the range of the training rows.
    """
    names = []
    for column in sample:
        known = layout.column(column.name)
        if not known.ordered or known.low is None or known.high is None:
            continue
        try:
            numbers = typed_values(column, known)
        except ColumnError:
            continue  # reported when the rows are read
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers) >= _FEW_ROWS and (
            (numbers > known.high).all() or (numbers < known.low).all()
        ):
            names.append(column.name)
    return names
