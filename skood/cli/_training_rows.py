"""The training rows of a file, checked against the options that name columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skood.cli.files import (
    ColumnRoles,
    ReadingOptions,
    RowLayout,
    check_gaps,
    check_named_columns,
    read_training_table,
)
from skood.preprocessing.schema_files import GIVEN
from skood.preprocessing.table_findings import counted

from ._errors import UsageError
from ._inputs import check_no_columns_named
from ._options import PreparationOptions


@dataclass(frozen=True)
class TrainingRows:
    """All rows of a file, their layout, and the strategy that fills missing values."""

    file: str
    rows: Any
    layout: RowLayout
    missing: str

    def notes(self) -> list[str]:
        """The decisions on columns that may surprise."""
        dates = [column for column in self.layout.schema if column.kind == "date"]
        others = [
            column
            for column in self.layout.schema
            if column.reason not in ("", GIVEN) and (column.spelled or column.kind == "excluded")
        ]
        return [
            *(f"{column.name!r}: {column.reason}" for column in others),
            *(f"{column.name!r}: {column.describe()}" for column in dates),
        ]

    def size(self) -> str:
        """The number of rows and columns, in words."""
        layout, n_rows = self.layout, len(self.rows)
        if layout.kind == "images":
            channels, height, width = layout.shape
            size = f"{width} × {height} pixels, {counted(channels, 'channel')}"
            return f"{counted(n_rows, 'image')} of {size}"
        if layout.kind == "array":
            return f"{counted(n_rows, 'row')} of the shape {layout.shape}"
        parts = [f"{counted(len(layout.numbers), 'column')} of numbers"] if layout.numbers else []
        if layout.categories:
            parts.append(f"{len(layout.categories):,} of categories")
        if layout.dates:
            parts.append(f"{len(layout.dates):,} of dates")
        first = f"{counted(n_rows, 'row')}, {', '.join(parts[:-1])}"
        return f"{first}{' and ' * (len(parts) > 1)}{parts[-1]}"


def read_training_rows(
    source: Any, roles: ColumnRoles, preparation: PreparationOptions, reading: ReadingOptions
) -> TrainingRows:
    """Read all rows of a file."""
    if source.columns is None:
        kind = "images" if source.row_name == "file" else "array"
        rows, layout = source.whole_array(), RowLayout(kind, shape=source.shape)
    else:
        options = preparation.table(roles.id_column, roles.exclude, reading)
        fills = preparation.missing != "refuse"
        rows, layout = read_training_table(source, options, missing=fills)
    missing = preparation.missing if layout.kind == "table" else "refuse"
    check_gaps(rows, source.name, missing=missing != "refuse")
    return TrainingRows(source.name, rows, layout, missing)


def check_options(
    source: Any, roles: ColumnRoles, preparation: PreparationOptions, features: Any, also_in: Any
) -> None:
    """Raise unless the options fit the file.

    Columns that are no features may be in `also_in` alone.
    """
    if source.columns is None:
        check_no_columns_named(
            source,
            id_column=roles.id_column,
            exclude=roles.exclude,
            categorical=preparation.categorical,
            schema=preparation.schema,
        )
        if features is None and len(source.shape) > 1:
            raise UsageError(
                f"The rows of {source.name} have the shape {source.shape}: they need a transformer "
                "that makes features of them, saved by skood.save, as --features."
            )
        return
    if features is not None:
        raise UsageError(f"--features is for images and arrays, and {source.name} is neither.")
    columns = [*source.columns, *(getattr(also_in, "columns", None) or ())]
    names = [roles.id_column] if roles.id_column is not None else []
    check_named_columns(source.name, "--id-column", names, columns)
    check_named_columns(source.name, "--exclude", roles.exclude, columns)
    check_named_columns(source.name, "--schema", [*preparation.known], columns)
