"""The values of columns as features, and errors for values that cannot be features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._blocks import Block
from ._errors import TableError
from ._row_layout import RowLayout

if TYPE_CHECKING:
    import pyarrow as pa

# Texts for a missing value in a CSV file: the list of pandas, so that both read the same.
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
NUMBER = r"^\s*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|Inf|INF|infinity|Infinity)\s*$"


def block_of(name: str, layout: RowLayout, table: pa.Table, start: int) -> Block:
    """Make a block of a table: its features, and the column that identifies rows."""
    import pandas as pd

    columns = [as_numbers(name, column, table[column], start) for column in layout.numbers]
    numbers = np.empty((len(table), len(columns)))
    for j, column in enumerate(columns):
        numbers[:, j] = column
    rows = pd.DataFrame(numbers, columns=list(layout.numbers))
    if layout.categories:
        texts = {column: as_texts(table[column]) for column in layout.categories}
        # As objects: the text types of pandas differ by version.
        rows = pd.concat([rows, pd.DataFrame(texts, dtype=object)], axis=1)
    ids = table[layout.id_column] if layout.id_column in table.column_names else None
    return Block(rows, ids, start)


def as_numbers(name: str, column: str, values: pa.ChunkedArray, start: int) -> NDArray[np.float64]:
    """Numbers, with NaN for missing ones."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if is_text(values.type):
        row, text = first_that_is_no_number(without_missing(values))
        if text is not None:
            raise TableError(not_a_number(name, column, start + row, text))
        values = parsed(values)
    elif not is_number(values.type):
        raise TableError(
            f"The column {column!r} of {name} has values of the type {values.type}, and numbers in "
            "the training rows."
        )
    return values.cast(pa.float64(), safe=False).to_numpy()


def as_texts(values: pa.ChunkedArray) -> NDArray[np.object_]:
    """Texts, with None for missing ones."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if is_text(values.type):
        return values.to_numpy().astype(object)
    texts = np.empty(len(values), dtype=object)
    texts[:] = [None if value is None else str(value) for value in values.to_pylist()]
    return texts


def without_missing(values: Any) -> Any:
    """Texts with null for each text that means a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(MISSING, type=values.type)
    is_missing = pc.is_in(pc.utf8_trim_whitespace(values), value_set=known)
    # Not with `if_else`: in pyarrow 16 it confuses the texts of an array that is part of another.
    gaps = np.asarray(is_missing) | np.asarray(pc.is_null(values))
    return values.take(pa.array(np.arange(len(values)), mask=gaps))


def parsed(texts: Any) -> Any:
    """The numbers that texts stand for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.utf8_trim_whitespace(without_missing(texts)), pa.float64())


def first_that_is_no_number(texts: Any) -> tuple[int, str | None]:
    """Row and value of the first text that is neither a number nor null; None without one."""
    import pyarrow.compute as pc

    wrong = pc.invert(pc.fill_null(pc.match_substring_regex(texts, NUMBER), True))
    row = pc.index(wrong, True).as_py()
    return row, None if row < 0 else texts[row].as_py()


def not_a_number(name: str, column: str, row: int, text: str) -> str:
    """The sentence on a column of numbers that has text in it."""
    shown = text if len(text) <= 40 else text[:37] + "..."
    return (
        f"The column {column!r} of {name} has text where numbers belong, first in row {row + 1:,}: "
        f"{shown!r}."
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text."""
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_number(kind: pa.DataType) -> bool:
    """Whether a type is a number; truth values are not."""
    import pyarrow as pa

    types = pa.types
    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )
