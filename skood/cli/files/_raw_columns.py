"""Columns of Arrow tables for the decisions on a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...preprocessing.table_columns import RawColumn, raw_column
from ...preprocessing.table_findings import shortened
from ._blocks import Block
from ._ids import plain_ids
from ._row_layout import RowLayout
from ._values import (
    first_that_is_no_number,
    frame_of,
    is_number,
    is_text,
    parsed,
    without_missing,
)

if TYPE_CHECKING:
    import pyarrow as pa


def raw_columns(table: pa.Table, *, is_text_file: bool, gaps: tuple[str, ...]) -> list[RawColumn]:
    """The columns of a table."""
    return [_raw(name, table[name], is_text_file, gaps) for name in table.column_names]


def _raw(name: str, values: Any, is_text_file: bool, gaps: tuple[str, ...]) -> RawColumn:
    import pyarrow as pa

    kind = values.type
    type_name = shortened(str(kind))  # that of a structure names all its fields
    if is_text_file and is_text(kind):
        values = without_missing(values, gaps)
        empty = values.null_count == len(values)
        if not empty and first_that_is_no_number(values)[1] is None:
            numbers = _floats(parsed(values, gaps))
            return RawColumn(
                name, "number", type_name, numbers, as_text=lambda: text_column(name, values)
            )
    if is_text(kind):
        return text_column(name, values)
    if is_number(kind) and not pa.types.is_null(kind):
        return RawColumn(name, "number", type_name, _floats(values))
    column = raw_column(name, _of_pandas(values))
    return replace(column, type_name=type_name)


def block_of(name: str, layout: RowLayout, table: pa.Table, start: int) -> Block:
    """Make a block of a table: its features, and the column that identifies rows."""
    features = table.select(list(layout.features))
    columns = {c.name: c for c in raw_columns(features, is_text_file=False, gaps=())}
    ids = table[layout.id_column] if layout.id_column in table.column_names else None
    if ids is not None:
        ids = plain_ids(name, str(layout.id_column), ids)
    return Block(frame_of(name, layout, columns, start), ids, start)


def _of_pandas(values: Any) -> Any:
    """The values as pandas has them; its categories are never missing."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_dictionary(values.type) and any(c.dictionary.null_count for c in values.chunks):
        return values.cast(values.type.value_type).to_pandas().astype("category")
    try:
        return values.to_pandas()
    except pa.ArrowNotImplementedError:  # of a type that pandas has not, such as a union
        return pd.Series(values.to_pylist(), dtype=object)


def text_column(name: str, values: Any) -> RawColumn:
    """A column of text."""
    encoded = values.dictionary_encode()
    if hasattr(encoded, "chunks"):
        encoded = encoded.unify_dictionaries().combine_chunks()
    if hasattr(encoded, "chunks"):
        encoded = encoded.chunk(0)
    codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.intp)
    texts = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)[:-1]
    return RawColumn(name, "text", shortened(str(values.type)), codes=codes, texts=texts)


def _floats(values: Any) -> Any:
    import pyarrow as pa

    return values.cast(pa.float64(), safe=False).to_numpy()
