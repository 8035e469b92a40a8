"""The values of a column, by its description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table_columns import RawColumn
from .table_dates import DateError, find_format, read_dates
from .table_findings import ColumnError as ColumnError
from .table_numbers import EXACT, read_numbers
from .table_schema import ColumnSchema, canonical, truth


def first_row(column: RawColumn, is_odd: Callable[[str], bool]) -> int:
    """Position of the first row whose text is odd."""
    wrong = np.array([*(is_odd(text) for text in column.text_list()), False])
    return int(np.argmax(wrong[column.codes]))


def typed_values(column: RawColumn, schema: ColumnSchema) -> NDArray[Any]:
    """The values by the schema: float64 with NaN, texts with None, or dates with NaT.

    Raises
    ------
    ColumnError
        If the column has values of another kind.
    """
    column = column.without(schema.na)
    if schema.kind == "date":
        return _dates(column, schema)
    if schema.kind != "number" and column.held == "other":
        raise ColumnError(schema.name, f"has values of the type {column.type_name} instead of text")
    if schema.kind != "number":
        column = column.written() or column
        if column.numbers is None:
            return column.mapped(schema.known_text)
        if (np.abs(column.numbers) >= EXACT).any() and "float" not in column.type_name:
            problem = "has integers that a float cannot hold, as categories: write them as text"
            raise ColumnError(schema.name, problem)
        texts = [None if v != v else schema.known_text(repr(float(v))) for v in column.numbers]
        return np.array([*texts, None], dtype=object)[:-1]
    if column.numbers is not None:
        return column.numbers
    if column.held == "empty":
        return np.full(len(column), np.nan)
    if column.texts is None or column.held not in ("text", "category", "boolean"):
        problem = f"has values of the type {column.type_name}, but numbers in the training rows"
        raise ColumnError(schema.name, problem)
    values, odd = read_numbers(column.text_list(), schema.spelling)
    if odd is not None and schema.holds_bits:
        truths = [truth(text) for text in column.texts]
        if None not in truths:
            values, odd = np.array(truths, dtype=np.float64), None
    if odd is not None:
        row = first_row(column, lambda text: text == odd)
        problem = "has text where numbers belong"
        if schema.unit:
            problem = f"has other values than numbers with the unit {schema.unit!r}"
        raise ColumnError(schema.name, problem, row, odd)
    return np.append(values, np.nan)[column.codes]


def _dates(column: RawColumn, schema: ColumnSchema) -> NDArray[np.datetime64]:
    """Dates, in UTC if they have time zones."""
    if column.dates is not None and column.zoned != schema.zoned:
        raise ColumnError(schema.name, _of_zones(schema))
    if column.dates is not None:
        return column.dates
    if column.n_missing == len(column):
        return np.full(len(column), "NaT", dtype="datetime64[us]")
    text = date_texts(column)
    if text is None:
        problem = f"has values of the type {column.type_name} where dates belong"
        raise ColumnError(schema.name, problem)
    texts = text.text_list()
    values, odd = read_dates(texts, schema.format, zoned=schema.zoned)
    if odd is not None:  # another way of writing dates, if all are written so
        try:
            form, zoned = find_format(texts)
        except DateError:
            row = first_row(text, lambda value: value == odd)
            problem = f"has text that is not a date of the format {schema.format}"
            raise ColumnError(schema.name, problem, row, odd) from None
        if zoned != schema.zoned:
            raise ColumnError(schema.name, _of_zones(schema))
        values, _ = read_dates(texts, form, zoned=zoned)
    return np.append(values, np.array("NaT", dtype=values.dtype))[text.codes]


def date_texts(column: RawColumn) -> RawColumn | None:
    """The column with the texts of its dates, or of numbers that may be dates; None for others."""
    if column.held in ("date", "category"):
        return column
    if column.numbers is None or column.as_text is not None:
        return column.written()
    numbers, codes = np.unique(column.numbers, return_inverse=True)
    texts = np.array([canonical(repr(float(number))) for number in numbers], dtype=object)
    codes = np.where(np.isnan(column.numbers), -1, codes)
    return RawColumn(column.name, "text", column.type_name, codes=codes, texts=texts)


def date_fault(column: RawColumn, error: DateError) -> ColumnError:
    """The fault in a column of dates, and its place."""
    if error.odd is None:
        return ColumnError(column.name, str(error))
    row = first_row(column, lambda text: text == error.odd)
    return ColumnError(column.name, str(error), row, error.odd)


def _of_zones(schema: ColumnSchema) -> str:
    one, other = ("no time zone", "one") if schema.zoned else ("a time zone", "none")
    return f"has dates with {one}, and the training rows have {other}: write both in the same way"


def broken_rule(column: RawColumn, values: NDArray[Any], rule: ColumnSchema) -> str | None:
    """The values of a column that its description does not allow; None if all are allowed."""
    if rule.kind == "number" and (rule.low, rule.high) != (None, None):
        low = -np.inf if rule.low is None else rule.low
        high = np.inf if rule.high is None else rule.high
        wrong, what = (values < low) | (values > high), f"values outside {low:g} to {high:g}"
    elif rule.kind in ("category", "boolean") and rule.categories:
        known = set(rule.categories)
        wrong = np.array(
            [value is not None and rule.known_text(value) not in known for value in values]
        )
        what = f"other values than {', '.join(rule.categories)}"
    else:
        return None
    if not wrong.any():
        return None
    row = int(np.argmax(wrong))
    error = ColumnError(column.name, f"has {what}", row, str(values[row]))
    return f"{error.clause()}, against its schema"
