"""Checks that a file has the columns, or the shape, of the training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skood.cli.files import (
    ColumnRoles,
    ReadingOptions,
    RowLayout,
    TableError,
    adapted,
    check_named_columns,
    listed,
)

from ._errors import UsageError
from ._fitted import Fitted
from ._inputs import check_no_columns_named
from ._speaking import Voice

_RESULTS = ("score", "p_value", "decision")


def matched(
    fitted: Fitted, source: Any, roles: ColumnRoles, reading: ReadingOptions, voice: Voice
) -> Fitted:
    """Give the detector the layout of the file to score."""
    layout = fitted.layout
    if source.columns is None:
        check_no_columns_named(source, id_column=roles.id_column, exclude=roles.exclude)
        _check_shape(layout, source)
        return fitted
    names = [roles.id_column] if roles.id_column is not None else []
    check_named_columns(source.name, "--id-column", names, source.columns)
    _check_roles(layout, roles)
    if layout.kind == "images":
        raise TableError(f"{source.name} has columns, and the detector was fitted on images.")
    layout = layout.with_roles(roles)
    by_position = layout.kind == "array"
    if by_position:
        layout = _as_table(layout, source)
        voice.say(
            f"the detector has no column names: the columns of {source.name} are taken in their "
            "order"
        )
    layout = without_extra(layout, source, roles, voice)
    layout.check_columns(source.name, source.columns, source.own_index)
    sample = source.sample([*layout.numbers, *layout.dates])
    layout, notes = adapted(layout, sample, source.name, reading.decimal, reading.thousands)
    for note in notes:
        voice.say(note)
    if layout.id_column is not None and layout.id_column not in source.columns:
        voice.say(f"{source.name} has no column {layout.id_column!r}: rows are numbered")
    return replace(fitted, layout=layout, by_position=by_position)


def without_extra(layout: RowLayout, source: Any, roles: ColumnRoles, voice: Voice) -> RowLayout:
    """With `--ignore-extra`, leave out the columns that the training rows lack, and report them."""
    extra = layout.columns_beyond(source.columns, source.own_index) if roles.ignore_extra else ()
    if not extra:
        return layout
    voice.say(f"columns of {source.name} that the training rows lack are ignored: {listed(extra)}")
    return layout.with_roles(ColumnRoles(exclude=extra))


def _check_shape(layout: RowLayout, source: Any) -> None:
    if layout.kind == "table":
        raise TableError(
            f"{source.name} has no named columns, and the detector was fitted on named columns."
        )
    if source.shape != layout.shape:
        raise TableError(
            f"The rows of {source.name} have the shape {source.shape}, and the training rows the "
            f"shape {layout.shape}."
        )


def _check_roles(layout: RowLayout, roles: ColumnRoles) -> None:
    """Raise if --id-column names a column of the results, or --exclude a feature."""
    if roles.id_column in _RESULTS:
        raise UsageError(f"--id-column names {roles.id_column!r}, a column of the results.")
    for column in roles.exclude:
        if column in layout.features:
            raise UsageError(f"--exclude names {column!r}, a feature of the detector.")


def _as_table(layout: RowLayout, source: Any) -> RowLayout:
    """The layout of a table for a detector of arrays, which takes columns in their order."""
    left_out = {layout.id_column, *layout.exclude}
    columns = tuple(name for name in source.columns if name not in left_out)
    if layout.shape != (len(columns),):
        raise TableError(
            f"{source.name} has {len(columns):,} columns, and the training rows have the shape "
            f"{layout.shape}."
        )
    return replace(layout, kind="table", numbers=columns)
