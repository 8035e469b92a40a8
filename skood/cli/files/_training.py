"""All rows of a training file, and the layout of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...preprocessing.table_decisions import TableOptions, decide
from ...preprocessing.table_findings import (
    Finding,
    Remedy,
    all_sentences,
    counted,
    did_you_mean,
    identifies,
    kept,
    left_out,
)
from ...preprocessing.table_schema import ColumnSchema
from ._errors import OptionError, TableError, listed
from ._row_layout import RowLayout
from ._values import frame_of


def read_training_table(
    source: Any, options: TableOptions, *, missing: bool = True
) -> tuple[Any, RowLayout]:
    """Read all rows of a CSV or Parquet file, and find the layout of its columns.

    Without `missing`, gaps are an error of the caller; other errors name them too.
    """
    columns, raw, schema, findings = examined(source, options)
    if findings:
        if not missing:
            findings += gap_findings(schema, len(raw[0]))
        raise TableError(all_sentences(source.name, findings))
    layout = RowLayout.of(schema, columns, options)
    if not layout.features:
        raise TableError(f"{source.name} has no columns that are features.")
    return frame_of(source.name, layout, {column.name: column for column in raw}, 0), layout


def examined(source: Any, options: TableOptions) -> tuple[list, list, list, list[Finding]]:
    """All columns of a file, the columns that are read, their schema, and the open questions."""
    named = {options.id_column, *options.features, *options.categorical}
    own_index = [name for name in source.own_index if name not in named]
    left_out_names = {options.id_column, *options.exclude, *own_index}
    columns = [name for name in source.columns if name not in left_out_names]
    check_named_columns(source.name, "--categorical", options.categorical, columns)
    check_named_columns(source.name, "--feature", options.features, columns)
    described = [name for name, column in options.known.items() if column.is_feature]
    check_named_columns(source.name, "--schema", described, source.columns)
    if not columns:
        raise TableError(f"{source.name} has no columns that are features.")
    raw = source.raw_columns(columns)
    schema, findings = decide(raw, options)
    known = {*options.features, *options.known}
    for name in source.unnamed:
        if name in columns and name not in known:
            schema = [column for column in schema if column.name != name]
            findings = [finding for finding in findings if finding.column != name]
            problem = "has no name, as the row numbers that pandas writes"
            findings.insert(0, Finding(name, problem, (identifies(name), kept(name))))
    if source.doubt is not None:
        findings.insert(0, source.doubt)
    by_index = [
        ColumnSchema(name, "excluded", reason="the row index of pandas") for name in own_index
    ]
    return columns, raw, [*schema, *by_index], findings


def gap_findings(schema: Sequence[ColumnSchema], n_rows: int) -> list[Finding]:
    """A finding for each feature with missing values."""
    return [
        Finding(
            column.name,
            f"lacks {counted(round(column.missing * n_rows), 'value')}",
            (Remedy("fill them", "missing", "median"), left_out(column.name)),
        )
        for column in schema
        if column.is_feature and column.missing
    ]


def check_named_columns(
    name: str, option: str, names: Sequence[str], columns: Sequence[str]
) -> None:
    """Raise unless the columns that an option names exist."""
    absent = [column for column in names if column not in columns]
    if absent:
        raise OptionError(
            f"{name} has no column {listed(absent)}, which {option} names; its columns are "
            f"{listed(list(dict.fromkeys(columns)), 20)}.{did_you_mean(absent, columns)}"
        )
