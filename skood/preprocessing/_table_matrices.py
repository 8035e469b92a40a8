"""The columns of a table as a matrix of numbers, with the parts of dates, and one of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table_columns import RawColumn
from .table_dates import part_names, part_values, part_weights
from .table_schema import ColumnSchema
from .table_values import typed_values

HALF = 0.5**0.5  # of two columns that share the weight of one


def names_of(schema: Sequence[ColumnSchema], *kinds: str) -> list[str]:
    """The columns of some kinds."""
    return [column.name for column in schema if column.kind in kinds]


class NumberColumns:
    """The origin, name and weight of each column of numbers.

    Attributes
    ----------
    owners, names : list of str
        The column of the table that it comes from, and its own name.
    weights : ndarray
        Their factors after scaling.
    ranged : list of ColumnSchema or None
        Its description if its range has a meaning: not for a sine or cosine.
    """

    def __init__(self, schema: Sequence[ColumnSchema], scale: str = "standard") -> None:
        numbers = [column for column in schema if column.kind == "number"]
        dates = [column for column in schema if column.kind == "date"]
        self.owners = [column.name for column in numbers]
        self.names = list(self.owners)
        self.ranged: list[ColumnSchema | None] = [*numbers]
        self.weights = np.ones(len(numbers))
        for column in dates:
            names, weights = part_names(column.name, column.parts), part_weights(column.parts)
            self.owners += [column.name] * len(names)
            self.names += names
            self.ranged += [column if weight == 1.0 else None for weight in weights]
            self.weights = np.append(self.weights, weights)
        if scale == "both":
            self.owners += [column.name for column in numbers]
            self.names += [f"{column.name} (rank)" for column in numbers]


def matrices(
    raw: Mapping[str, RawColumn], schema: Sequence[ColumnSchema]
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """The numbers, with the parts of dates, and the texts of a table."""
    n_rows = len(next(iter(raw.values())))
    numbers = [column for column in schema if column.kind == "number"]
    categories = [column for column in schema if column.kind in ("category", "boolean")]
    values = np.empty((n_rows, len(numbers)), order="F")  # as pandas holds them
    texts = np.empty((n_rows, len(categories)), dtype=object)
    for j, column in enumerate(numbers):
        values[:, j] = typed_values(raw[column.name], column)
    for j, column in enumerate(categories):
        texts[:, j] = typed_values(raw[column.name], column)
    dates = [
        part_values(typed_values(raw[column.name], column), column.parts, column.high or 0.0)
        for column in schema
        if column.kind == "date"
    ]
    return (np.hstack([values, *dates]) if dates else values), texts


def gaps_of(numbers: NDArray[Any], texts: NDArray[Any]) -> NDArray[np.bool_]:
    """Which cells of both matrices are missing."""
    return np.hstack([np.isnan(numbers), texts == None])  # noqa: E711  # of each text
