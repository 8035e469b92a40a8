"""Whether a file has the rows that a detector was fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skood.cli.files import ColumnRoles, RowLayout, TableError, check_named_columns

from ._errors import UsageError
from ._fitted import Fitted
from ._inputs import check_no_columns_named
from ._speaking import Voice

_RESULTS = ("score", "p_value", "decision")


def matched(fitted: Fitted, source: Any, roles: ColumnRoles, voice: Voice) -> Fitted:
    """The detector with the layout of the file to score, where the two go together.

    Raises
    ------
    UsageError
        If an option names a column that is not there, or that cannot be what it is named for.
    TableError
        If the file does not have the rows that the detector was fitted on.
    """
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
            "the detector knows no names of columns: those of "
            f"{source.name} are taken in their order"
        )
    layout.check_columns(source.name, source.columns)
    if layout.id_column is not None and layout.id_column not in source.columns:
        voice.say(f"{source.name} has no column {layout.id_column!r}: rows are numbered")
    return replace(fitted, layout=layout, by_position=by_position)


def _check_shape(layout: RowLayout, source: Any) -> None:
    if layout.kind == "table":
        raise TableError(
            f"{source.name} has no named columns, and the detector was fitted on such."
        )
    if source.shape != layout.shape:
        raise TableError(
            f"The rows of {source.name} have the shape {source.shape}, where those of the training "
            f"rows have {layout.shape}."
        )


def _check_roles(layout: RowLayout, roles: ColumnRoles) -> None:
    """A column of the results has a name of its own, and a feature is not left out."""
    if roles.id_column in _RESULTS:
        raise UsageError(f"The results have a column {roles.id_column!r} of their own.")
    for column in roles.exclude:
        if column in layout.features:
            raise UsageError(f"--exclude names {column!r}, which is a feature of the detector.")


def _as_table(layout: RowLayout, source: Any) -> RowLayout:
    """A table for a detector of arrays: its columns in their order, which nothing can check."""
    left_out = {layout.id_column, *layout.exclude}
    columns = tuple(name for name in source.columns if name not in left_out)
    if layout.shape != (len(columns),):
        raise TableError(
            f"{source.name} has {len(columns):,} columns, where the training rows have the shape "
            f"{layout.shape}."
        )
    return replace(layout, kind="table", numbers=columns)
