"""Decides the kind of each column of a table: numbers, categories, dates, or ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .table_columns import RawColumn
from .table_counters import FEW_ROWS, counts_rows
from .table_dates import DateError, days_since_1970, find_format, is_like_date, useful_parts
from .table_findings import (
    ColumnError,
    Finding,
    Remedy,
    as_categories,
    corrected,
    counted,
    identifies,
    kept,
    left_out,
    shortened,
)
from .table_numbers import (
    NumberSpelling,
    SpellingError,
    decimal_of,
    find_spelling,
    is_gap,
    is_plain,
)
from .table_schema import ColumnSchema, are_truth_values, canonical
from .table_values import broken_rule, date_fault, date_texts, first_row, typed_values

_MOST_CATEGORIES = 1000
_PLAIN = str(NumberSpelling())
DATES_LEFT_OUT = "dates are left out; --dates parts (dates='parts') makes features of them"


@dataclass(frozen=True)
class TableOptions:
    """The options for a table, before its columns are examined.

    Attributes
    ----------
    id_column : str or None
        The column that identifies rows.
    exclude, categorical, features : tuple of str
        Columns that are no features, columns that hold categories, and columns that must be
        features.
    decimal, thousands : str or None
        How the table writes numbers. None: detected.
    max_categories : int or None
        Largest number of categories of a column. None: one for every five rows, at most 1,000.
    dates : {"exclude", "parts"}
        Whether dates are left out, or become features.
    known : mapping of str to ColumnSchema
        Descriptions of columns in place of guesses.
    """

    id_column: str | None = None
    exclude: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    max_categories: int | None = None
    dates: str = "exclude"
    known: Mapping[str, ColumnSchema] = field(default_factory=dict)


def decide(
    columns: list[RawColumn], options: TableOptions
) -> tuple[list[ColumnSchema], list[Finding]]:
    """Describe columns, and list the columns that need a decision of the user.

    Parameters
    ----------
    columns : list of RawColumn
        All columns of the table. Numbers in text are replaced by their texts if the text says more.
    options : TableOptions
        The options for them.

    Returns
    -------
    schema : list of ColumnSchema
        A description of each column without a finding.
    findings : list of Finding
        A finding for each other column.
    """
    found: dict[str, ColumnSchema | Finding] = {}
    dots_divide = options.decimal == "," or options.thousands == "."
    for i, column in enumerate(columns):
        told = options.known.get(column.name)
        if told is None and dots_divide and column.as_text is not None:
            cells = column.as_text()
            if any("." in cell for cell in cells.text_list()):
                columns[i] = cells
        if told is not None:
            is_written = told.kind == "number" and str(told.spelling) != _PLAIN
            text = column.written() if is_written else None  # "1.234" may mean 1234
            columns[i] = (text or column).without(told.na)
    for column in columns:
        found[column.name] = _decide(column, options, None)
    _agree(columns, options, found)
    for column in columns:
        decided = found[column.name]
        if isinstance(decided, ColumnSchema) and decided.is_feature:
            found[column.name] = _with_values(column, decided, options)
    schema = [known for known in found.values() if isinstance(known, ColumnSchema)]
    return schema, [finding for finding in found.values() if isinstance(finding, Finding)]


def _decide(column: RawColumn, options: TableOptions, usual: str | None) -> ColumnSchema | Finding:
    name = column.name
    if name == options.id_column:
        return ColumnSchema(name, "id", reason="identifies rows")
    if name in options.exclude:
        return ColumnSchema(name, "excluded", reason="left out by an option")
    if name in options.known and name not in options.categorical:
        return _as_told(column, options.known[name], options)
    if column.held == "other":
        return Finding(name, f"has values of the type {column.type_name}", (left_out(name),))
    if not len(column) or column.n_missing == len(column):
        return Finding(name, "has no values", (left_out(name),))
    if name in options.categorical:
        return ColumnSchema(name, "category", reason="named as categories")
    if column.held == "date":
        return _decide_date(column, options)
    if column.held in ("boolean", "category"):
        return ColumnSchema(name, column.held, reason="the type of the column")
    if column.numbers is not None:
        return ColumnSchema(name, "number")
    return _decide_text(column, options, usual)


def _decide_text(
    column: RawColumn, options: TableOptions, usual: str | None
) -> ColumnSchema | Finding:
    name, texts = column.name, column.text_list()
    written = [text for text in texts if not is_gap(text)]
    is_told = options.decimal is not None or options.thousands is not None or usual is not None
    plain = bool(written) and all(map(is_plain, written))
    if plain and not is_told and len(texts) <= 20 and all(text.isdecimal() for text in texts):
        return ColumnSchema(name, "category", reason="few integers in a column of text")
    if plain and (not is_told or not any("." in text for text in written)):
        return ColumnSchema(name, "number", spelled=len(written) < len(texts))
    if are_truth_values([canonical(text) for text in texts]):
        return ColumnSchema(name, "boolean", reason="words for true and false")
    like_date = [is_like_date(text) for text in texts]
    n_dates = int(np.dot(like_date, column.counts()))
    if n_dates and all(like or is_gap(text) for like, text in zip(like_date, texts, strict=True)):
        return _decide_date(column, options)
    if 2 * n_dates > len(column) - column.n_missing:
        odd = next(t for t, like in zip(texts, like_date, strict=True) if not (like or is_gap(t)))
        return _date_finding(column, DateError("has text where dates belong", odd=odd))
    try:
        spelling = find_spelling(
            texts, options.decimal, options.thousands, usual=usual, counts=column.counts()
        )
    except SpellingError as error:
        return _spelling_finding(column, error)
    if spelling is None:
        return ColumnSchema(name, "category")
    marks = (spelling.decimal, spelling.thousands, spelling.unit)
    if plain and marks == (".", "", ""):
        return ColumnSchema(name, "number", spelled=len(written) < len(texts))
    return ColumnSchema(name, "number", *marks, spelled=True, reason=f"read with {spelling}")


def _decide_date(column: RawColumn, options: TableOptions) -> ColumnSchema | Finding:
    if options.dates == "exclude":
        return ColumnSchema(column.name, "excluded", reason=DATES_LEFT_OUT)
    return _as_date(column, ColumnSchema(column.name, "date"))


def _as_date(column: RawColumn, told: ColumnSchema) -> ColumnSchema | Finding:
    """The description of a date, with its format where it is text."""
    text = None if column.dates is not None else date_texts(column)
    if text is None or column.n_missing == len(column):
        return replace(told, zoned=column.zoned) if column.dates is not None else told
    try:
        form, zoned = find_format(text.text_list(), told.format)
    except DateError as error:
        return _date_finding(text, error)
    return replace(told, format=form, zoned=zoned)


def _date_finding(column: RawColumn, error: DateError) -> Finding:
    remedies = [left_out(column.name)]
    if error.formats:
        named = f"name its format in a schema, as {' or '.join(map(repr, error.formats))}"
        remedies.insert(0, Remedy(named, "", ""))
    if error.odd is not None:
        remedies[:0] = [
            Remedy("correct it", "", ""),
            Remedy("treat it as missing", "na", error.odd),
        ]
    problem = date_fault(column, error).clause()
    return Finding(column.name, problem, tuple(remedies), kind="date")


def _spelling_finding(column: RawColumn, error: SpellingError) -> Finding:
    name, problem = column.name, error.problem
    if error.odd is not None and "such as" not in problem:
        row = first_row(column, lambda text: text == error.odd)
        problem = f"{problem}, first in row {row + 1:,} ({shortened(error.odd)!r})"
    remedies = [Remedy("read them", "decimal", mark) for mark in error.decimals]
    is_limit = error.odd is not None and error.odd.lstrip()[:1] in "<>"
    if error.odd is not None and ("text" in problem or is_limit):
        remedies.append(Remedy("treat it as a missing value", "na", error.odd))
    return Finding(name, problem, (*remedies, as_categories(name), left_out(name)))


def _as_told(
    column: RawColumn, told: ColumnSchema, options: TableOptions
) -> ColumnSchema | Finding:
    """The description by the user, with detected spellings if it names none."""
    if told.kind == "date":
        return _as_date(column, told)
    if told.kind != "number" or told.spelled:
        return told
    found = told if column.numbers is not None else _spelled(column, told, options)
    return replace(found, spelled=found.spelled or not all(map(is_plain, told.na)))  # marks: text


def _spelled(column: RawColumn, told: ColumnSchema, options: TableOptions) -> ColumnSchema:
    """The description with the spelling that the texts have."""
    if (told.decimal, told.thousands, told.unit) != (".", "", ""):
        return replace(told, spelled=True)
    decided = _decide_text(column, options, None)
    if isinstance(decided, ColumnSchema) and decided.kind == "number":
        return replace(
            told,
            decimal=decided.decimal,
            thousands=decided.thousands,
            unit=decided.unit,
            spelled=decided.spelled,
        )
    return replace(told, spelled=True)


def _agree(
    columns: list[RawColumn], options: TableOptions, found: dict[str, ColumnSchema | Finding]
) -> None:
    """Read columns that could be read in two ways like the other columns."""
    numbers = [
        decided
        for decided in found.values()
        if isinstance(decided, ColumnSchema) and decided.kind == "number"
    ]
    doubtful = [name for name, decided in found.items() if _is_doubtful(decided)]
    if options.decimal is not None or not (doubtful or any(n.decimal == "," for n in numbers)):
        return
    written = {column.name: column.written() for column in columns}
    proven = set()
    for schema in numbers:
        text = written[schema.name]
        if schema.decimal == ",":
            proven.add(",")
        elif schema.thousands == "," or (text is not None and decimal_of(text.text_list())):
            proven.add(".")
    if len(proven) != 1:
        return
    (usual,) = proven
    dotted = [n.name for n in numbers if usual == "," and not n.spelled]
    for i, column in enumerate(columns):
        text = written[column.name]
        if text is not None and column.name in (*doubtful, *dotted):
            columns[i] = text
            found[column.name] = _decide(text, options, usual)


def _is_doubtful(decided: ColumnSchema | Finding) -> bool:
    """Whether a column could be read in two ways."""
    return isinstance(decided, Finding) and any(r.option == "decimal" for r in decided.remedies)


def _with_values(
    column: RawColumn, schema: ColumnSchema, options: TableOptions
) -> ColumnSchema | Finding:
    """The description with range or categories, or the reason why the column is no feature."""
    missing = column.n_missing / max(1, len(column))
    if schema.kind == "date":
        return _with_parts(column, schema, missing)
    rule = options.known.get(column.name, schema)
    if schema.kind != "number":
        values = typed_values(column, replace(schema, categories=()))
        broken = broken_rule(column, values, rule)
        if broken:
            return Finding(column.name, broken, (corrected(), left_out(column.name)))
        categories = tuple(sorted({value for value in values if value is not None}))
        finding = _too_many(column, schema, len(categories), options)
        return finding or replace(schema, categories=categories, missing=missing)
    try:
        numbers = typed_values(column, schema)
    except ColumnError as error:
        remedies = (as_categories(column.name), left_out(column.name))
        return Finding(column.name, error.clause(), remedies)
    broken = broken_rule(column, numbers, rule)
    if broken:
        return Finding(column.name, broken, (corrected(), left_out(column.name)))
    known = numbers[np.isfinite(numbers)]
    if not len(known) and column.name in options.known:
        return schema  # some of the rows that were described
    if not len(known):
        return Finding(column.name, "has no values", (left_out(column.name),))
    if column.name not in options.features and column.name not in options.known:
        counts = counts_rows(column, numbers)
        if counts:
            remedies = (identifies(column.name), kept(column.name))
            return Finding(column.name, counts, remedies, is_error=False)
    ordered = _are_in_order(known)
    missing = float(np.isnan(numbers).mean())
    if column.name in options.features:
        schema, ordered = replace(schema, reason="kept by an option"), False
    low = float(known.min()) if rule.low is None else rule.low
    high = float(known.max()) if rule.high is None else rule.high
    return replace(schema, low=low, high=high, missing=missing, ordered=ordered and low < high)


def _are_in_order(values: NDArray[np.float64]) -> bool:
    steps = np.diff(values)
    return len(values) >= FEW_ROWS and bool((steps >= 0).all() or (steps <= 0).all())


def _with_parts(column: RawColumn, schema: ColumnSchema, missing: float) -> ColumnSchema | Finding:
    """The description of a date with its range and, unless they are given, its parts."""
    try:
        dates = typed_values(column, schema)
    except ColumnError as error:
        return Finding(column.name, error.clause(), (left_out(column.name),))
    days = days_since_1970(dates)
    known = days[np.isfinite(days)]
    if not len(known):
        return Finding(column.name, "has no values", (left_out(column.name),))
    parts = schema.parts or useful_parts(dates, in_order=_are_in_order(known))
    if not parts:
        problem = "has dates that lie close together, so that no part of them repeats in new rows"
        return Finding(column.name, problem, (left_out(column.name),))
    low, high = float(known.min()), float(known.max())
    return replace(schema, parts=parts, low=low, high=high, missing=missing)


def _too_many(
    column: RawColumn, schema: ColumnSchema, n_categories: int, options: TableOptions
) -> Finding | None:
    """A finding, if almost every row differs: such a column identifies rows, or is prose."""
    name, n_rows = column.name, len(column) - column.n_missing
    most = options.max_categories
    if most is None:
        chosen = (schema.reason and schema.kind == "category") or name in options.known
        few = n_categories <= 5 or (n_categories <= 20 and 2 * n_categories <= n_rows)
        if n_categories <= _MOST_CATEGORIES and (chosen or few or 5 * n_categories <= n_rows):
            return None
        most = min(_MOST_CATEGORIES, max(5, n_rows // 5))
    if n_categories <= most:
        return None
    rows = counted(n_rows, "row")
    problem = f"has {n_categories:,} different texts in {rows}, too many for categories"
    return Finding(name, problem, (
        *((identifies(name),) if n_categories == n_rows else ()), left_out(name),
        Remedy("allow them", "max_categories", str(n_categories)),
    ))  # fmt: skip
