"""Decides what each column of a table is: a number, categories, a date, or what identifies rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table_columns import RawColumn
from .table_findings import Finding, Remedy, as_categories, identifies, kept, left_out, shortened
from .table_numbers import SpellingError, decimal_of, find_spelling, is_gap, is_plain, read_numbers
from .table_schema import ColumnSchema, are_truth_values, canonical, truth

_TIME = (
    r"(?:[T ]?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:[AaPp]\.?[Mm]\.?)?(?:Z|[+-]\d{2}:?\d{2})?)"
)
_MONTH = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*\.?"
_DATE = re.compile(
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}\.?[ -]?{_MONTH}[ -]?\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}){_TIME}?|{_TIME}",
    re.IGNORECASE,
)
_ID_NAME = re.compile(
    r"(?:^|[\W_])(?:id|uuid|guid|index|idx|key|row|nr|no|number)$|[a-z]I[dD]$", re.IGNORECASE
)
_FEW_ROWS = 20  # of fewer, an order says nothing
_EXACT = 2.0**53  # a float64 holds no larger integers exactly
_SURELY_UNIQUE = 7.0  # random integers are all different with probability exp(-7) at most
_MOST_CATEGORIES = 1000


@dataclass(frozen=True)
class TableOptions:
    """What is known of a table before its columns are looked at.

    Attributes
    ----------
    id_column : str or None
        The column that identifies rows.
    exclude, categorical, features : tuple of str
        Columns that are no features, that hold categories, and that are features for sure.
    decimal, thousands : str or None
        How the table writes numbers. None: found out.
    max_categories : int or None
        Most categories of a column. None: one for every five rows, and 1,000.
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
    known: Mapping[str, ColumnSchema] = field(default_factory=dict)


class ColumnError(ValueError):
    """A column does not hold what the training rows had there.

    Parameters
    ----------
    column, problem : str
        Its name, and what is wrong, as a clause after the name.
    row : int or None, default=None
        Position of the first such row.
    odd : str, default=""
        Its value.
    """

    def __init__(self, column: str, problem: str, row: int | None = None, odd: str = "") -> None:
        self.column, self.problem, self.row, self.odd = column, problem, row, odd
        super().__init__(self.sentence())

    def sentence(self, file: str = "", start: int = 0) -> str:
        """The error in one sentence; `start` rows of the file come before."""
        of = f" of {file}" if file else ""
        return f"The column {self.column!r}{of} {self.clause(start)}."

    def clause(self, start: int = 0) -> str:
        """What is wrong, and where."""
        if self.row is None:
            return self.problem
        return f"{self.problem}, first in row {start + self.row + 1:,}: {shortened(self.odd)!r}"


def decide(
    columns: list[RawColumn], options: TableOptions
) -> tuple[list[ColumnSchema], list[Finding]]:
    """Describe columns, and list those that need a decision of the user.

    Parameters
    ----------
    columns : list of RawColumn
        All columns of the table. Text takes the place of numbers that have to be read otherwise.
    options : TableOptions
        What is known of them.

    Returns
    -------
    schema : list of ColumnSchema
        A description of each column without a finding.
    findings : list of Finding
        The others.
    """
    found: dict[str, ColumnSchema | Finding] = {}
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
    if name in options.known:
        return _as_told(column, options.known[name], options)
    if column.held == "other":
        return Finding(name, f"has values of the type {column.type_name}", (left_out(name),))
    if not len(column) or column.n_missing == len(column):
        return Finding(name, "has no values", (left_out(name),))
    if name in options.categorical:
        return ColumnSchema(name, "category", reason="named as categories")
    if column.held == "date":
        return ColumnSchema(name, "date", reason="dates are left out")
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
    if all(_DATE.fullmatch(text.strip()) for text in written):
        return ColumnSchema(name, "date", reason="dates are left out")
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


def _spelling_finding(column: RawColumn, error: SpellingError) -> Finding:
    name, problem = column.name, error.problem
    if error.odd is not None and "such as" not in problem:
        row = first_row(column, lambda text: text == error.odd)
        problem = f"{problem}, first in row {row + 1:,} ({shortened(error.odd)!r})"
    remedies = [Remedy("read them", "decimal", mark) for mark in error.decimals]
    is_limit = error.odd is not None and error.odd.lstrip()[:1] in "<>"
    if error.odd is not None and ("text" in problem or is_limit):
        remedies.append(Remedy("read it as a missing value", "na", error.odd))
    return Finding(name, problem, (*remedies, as_categories(name), left_out(name)))


def _as_told(column: RawColumn, told: ColumnSchema, options: TableOptions) -> ColumnSchema:
    """The description that the user gives; the spelling of numbers is found where it says none."""
    if told.kind != "number" or column.numbers is not None or told.spelled:
        return told
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
    """Decide columns that could be read in two ways as the others are."""
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
    if schema.kind != "number":
        values = typed_values(column, replace(schema, categories=()))
        categories = tuple(sorted({value for value in values if value is not None}))
        finding = _too_many(column, schema, len(categories), options)
        return finding or replace(schema, categories=categories, missing=missing)
    try:
        numbers = typed_values(column, schema)
    except ColumnError as error:
        remedies = (as_categories(column.name), left_out(column.name))
        return Finding(column.name, error.clause(), remedies)
    known = numbers[np.isfinite(numbers)]
    if not len(known) and column.name in options.known:
        return schema  # some of the rows that were described
    if not len(known):
        return Finding(column.name, "has no values", (left_out(column.name),))
    if column.name not in options.features and column.name not in options.known:
        counts = _counts_rows(column.name, numbers)
        if counts:
            remedies = (identifies(column.name), kept(column.name))
            return Finding(column.name, counts, remedies, is_error=False)
    steps = np.diff(known)
    ordered = len(known) >= _FEW_ROWS and bool((steps >= 0).all() or (steps <= 0).all())
    missing = float(np.isnan(numbers).mean())
    if column.name in options.features:
        schema, ordered = replace(schema, reason="kept by an option"), False
    low, high = float(known.min()), float(known.max())
    return replace(schema, low=low, high=high, missing=missing, ordered=ordered and low < high)


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
    problem = f"has {n_categories:,} different texts in {n_rows:,} rows, too many for categories"
    return Finding(name, problem, (
        *((identifies(name),) if n_categories == n_rows else ()), left_out(name),
        Remedy("allow them", "max_categories", str(n_categories)),
    ))  # fmt: skip


def _counts_rows(name: str, numbers: NDArray[np.float64]) -> str | None:
    """Why a column of integers names rows, and measures nothing; None if it does not."""
    whole = len(numbers) >= _FEW_ROWS and bool((numbers == np.floor(numbers)).all())
    if not whole or not np.isfinite(numbers).all():
        return None
    low, high = numbers.min(), numbers.max()
    if max(-low, high) >= _EXACT:
        return f"has integers as long as {high:.0f}, which no float holds exactly"
    steps = np.diff(numbers)
    if (steps > 0).all() or (steps < 0).all():
        order = "larger" if steps[0] > 0 else "smaller"
        return f"has in each row an integer {order} than in the row before, as row numbers are"
    n_pairs = len(numbers) ** 2 / 2
    dense = n_pairs / (high - low + 1) >= _SURELY_UNIQUE
    long = low >= 1e8 and len(f"{low:.0f}") == len(f"{high:.0f}")
    if (dense or long or _ID_NAME.search(name)) and len(np.unique(numbers)) == len(numbers):
        return "has another integer in each row, as row numbers have"
    return None


def first_row(column: RawColumn, is_odd: Callable[[str], bool]) -> int:
    """Position of the first row whose text is odd."""
    wrong = np.array([*(is_odd(text) for text in column.text_list()), False])
    return int(np.argmax(wrong[column.codes]))


def typed_values(column: RawColumn, schema: ColumnSchema) -> NDArray[Any]:
    """The values as the schema says: float64 with NaN, or texts with None.

    Raises
    ------
    ColumnError
        If the column does not hold that.
    """
    if schema.kind != "number" and column.held == "other":
        raise ColumnError(schema.name, f"has values of the type {column.type_name}, and no texts")
    if schema.kind != "number":
        if column.numbers is None:
            return column.mapped(schema.known_text)
        texts = [None if v != v else schema.known_text(repr(float(v))) for v in column.numbers]
        return np.array([*texts, None], dtype=object)[:-1]
    if column.numbers is not None:
        return column.numbers
    if column.held == "empty":
        return np.full(len(column), np.nan)
    if column.texts is None or column.held not in ("text", "category", "boolean"):
        problem = f"has values of the type {column.type_name}, and numbers in the training rows"
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
