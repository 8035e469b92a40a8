"""All rows of a training file, and the layout of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._errors import OptionError, TableError, listed
from ._row_layout import ColumnRoles, RowLayout
from ._values import (
    NUMBER,
    block_of,
    first_that_is_no_number,
    is_number,
    is_text,
    not_a_number,
    without_missing,
)

if TYPE_CHECKING:
    import pyarrow as pa


def read_training_table(
    source: Any, roles: ColumnRoles, categorical: Sequence[str] = (), most_categories: int = 200
) -> tuple[Any, RowLayout]:
    """Read all rows of a CSV or Parquet file, and find the layout of its columns.

    The numbers in `categorical` columns are names of categories.
    """
    left_out = {roles.id_column, *roles.exclude}
    columns = [name for name in source.columns if name not in left_out]
    check_named_columns(source.name, "--categorical", categorical, columns)
    if not columns:
        raise TableError(f"{source.name} has no columns that are features.")
    table = source.whole_table(columns)
    numbers, categories = [], []
    for column in columns:
        values = table[column]
        if source.is_text:
            values = without_missing(values)
            table = table.set_column(table.schema.get_field_index(column), column, values)
        if column not in categorical and _has_numbers(source, column, values):
            numbers.append(column)
        else:
            _check_categories(source.name, column, values, most_categories)
            categories.append(column)
    layout = RowLayout("table", tuple(numbers), tuple(categories), roles.id_column, roles.exclude)
    return block_of(source.name, layout, table, 0).rows, layout


def check_named_columns(
    name: str, option: str, names: Sequence[str], columns: Sequence[str]
) -> None:
    """Raise unless the columns that an option names exist."""
    absent = [column for column in names if column not in columns]
    if absent:
        raise OptionError(
            f"{name} has no column {listed(absent)}, which {option} names; its columns are "
            f"{listed(list(columns), 20)}."
        )


def _has_numbers(source: Any, column: str, values: pa.ChunkedArray) -> bool:
    """Whether a column holds numbers; otherwise it holds categories."""
    import pyarrow as pa

    kind = values.type
    if values.null_count == len(values):
        raise _no_feature(source.name, column, "has no values")
    if source.is_text and column in source.unnamed:
        raise TableError(
            f"The {column} of {source.name} has no name: if it numbers the rows, as pandas writes "
            f"them, add --id-column {column!r}."
        )
    if is_text(kind):
        return source.is_text and _numbers_as_text(source.name, column, values)
    if pa.types.is_dictionary(kind) or pa.types.is_boolean(kind):
        return False
    if not is_number(kind):
        raise _no_feature(source.name, column, f"has values of the type {kind}")
    return True


def _numbers_as_text(name: str, column: str, values: pa.ChunkedArray) -> bool:
    """Whether all texts are numbers; if only most are, the others are mistakes."""
    import pyarrow.compute as pc

    row, text = first_that_is_no_number(values)
    if text is None:
        return True
    n_numbers = pc.sum(pc.match_substring_regex(values, NUMBER)).as_py() or 0
    if n_numbers > (len(values) - values.null_count) / 2:
        sentence = not_a_number(name, column, row, text)
        raise TableError(f"{sentence[:-1]}; if these are categories, add --categorical {column!r}.")
    return False


def _check_categories(name: str, column: str, values: pa.ChunkedArray, most: int) -> None:
    """Raise if almost every row differs: such a column identifies rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    n_values = pc.count_distinct(values).as_py()
    if n_values > most:
        raise TableError(
            f"The column {column!r} of {name} has {n_values:,} different texts in {len(values):,} "
            f"rows, and --max-categories allows {most:,}: leave it out with --exclude, or name it "
            "with --id-column."
        )


def _no_feature(name: str, column: str, what: str) -> TableError:
    return TableError(f"The column {column!r} of {name} {what}: leave it out with --exclude.")
