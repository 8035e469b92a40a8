"""The values of columns as features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...preprocessing.table_columns import RawColumn
from ...preprocessing.table_values import ColumnError, typed_values
from ._errors import TableError
from ._row_layout import RowLayout

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NUMBER = r"^\s*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|Inf|INF|infinity|Infinity)\s*$"


def frame_of(
    name: str, layout: RowLayout, columns: Mapping[str, RawColumn], start: int
) -> pd.DataFrame:
    """The features of a layout as numbers and texts; `start` rows of the file come before."""
    import pandas as pd

    def values(column: str) -> NDArray[Any]:
        try:
            return typed_values(columns[column], layout.column(column))
        except ColumnError as error:
            raise TableError(error.sentence(name, start)) from error

    first = next(iter(columns.values()))
    numbers = np.empty((len(first), len(layout.numbers)), order="F")
    for j, column in enumerate(layout.numbers):
        numbers[:, j] = values(column)
    rows = pd.DataFrame(numbers, columns=list(layout.numbers))
    if layout.categories:
        texts = {column: values(column) for column in layout.categories}
        # As objects: the text types of pandas differ by version.
        rows = pd.concat([rows, pd.DataFrame(texts, dtype=object)], axis=1)
    for column in layout.dates:
        dates = pd.Series(values(column))
        rows[column] = dates.dt.tz_localize("UTC") if layout.column(column).zoned else dates
    return rows


def without_missing(values: Any, gaps: tuple[str, ...]) -> Any:
    """Texts with null for each of the texts that mean a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(gaps, type=values.type)
    is_missing = pc.is_in(pc.utf8_trim_whitespace(values), value_set=known)
    # Not with `if_else`: in pyarrow 16 it confuses the texts of an array that is part of another.
    missing = np.asarray(is_missing) | np.asarray(pc.is_null(values))
    if not missing.any():
        return values
    return values.take(pa.array(np.arange(len(values)), mask=missing))


def parsed(texts: Any, gaps: tuple[str, ...]) -> Any:
    """The numbers that texts stand for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.utf8_trim_whitespace(without_missing(texts, gaps)), pa.float64())


def first_that_is_no_number(texts: Any) -> tuple[int, str | None]:
    """Row and value of the first text that is neither a number nor null; None without one."""
    import pyarrow.compute as pc

    wrong = pc.invert(pc.fill_null(pc.match_substring_regex(texts, NUMBER), True))
    row = pc.index(wrong, True).as_py()
    return row, None if row < 0 else texts[row].as_py()


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text."""
    import pyarrow as pa

    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


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
