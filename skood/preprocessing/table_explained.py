"""The way back from scaled numbers to a table, for explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explanation.dates import DAYS
from ._table_matrices import HALF, NumberColumns
from .table_columns import as_pandas, raw_column
from .table_dates import days_since_1970
from .table_schema import ColumnSchema
from .table_values import typed_values


class ExplainedTable:
    """The part of a fitted `TableScaler` that explanations need."""

    schema_: tuple[ColumnSchema, ...]
    numbers_: list[str]
    categories_: list[str]
    dates_: list[str]
    n_features_in_: int
    scale: str
    _scaler: Any
    _ranks: Any
    _read: Any  # the numbers and the texts of rows

    def column_names(self) -> list[str]:
        """The names of all columns, also of those that are no features; x0, ... of an array."""
        return [column.name for column in self.schema_]

    def numbers_back(self, X: Any) -> NDArray[np.float64]:
        """Scaled numbers in the unit of the frame, dates in days since 1970; NaN for other columns.

        Dates without the part of the age are NaN too.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Rows as `transform` gives them.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_)
            The numbers, in the columns of the frame.
        """
        out = np.full((len(X), self.n_features_in_), np.nan)
        if self._scaler is not None:
            columns, n = NumberColumns(self.schema_), len(self.numbers_)
            scaled = np.array(np.asarray(X)[:, : len(columns.names)])
            ranks = scaled[:, :n] if self.scale == "quantile" else None
            if self.scale == "both":
                scaled[:, :n] /= HALF
            numbers = self._scaler[-1].inverse_transform(scaled / columns.weights)  # and of dates
            if ranks is not None and n:
                for step in self._ranks[:0:-1]:
                    ranks = step.inverse_transform(ranks)
                numbers[:, :n] = ranks
            ranged = [(j, column) for j, column in enumerate(columns.ranged) if column is not None]
            for (j, column), place in zip(
                ranged, self._places([column.name for _, column in ranged]), strict=True
            ):
                newest = (column.high or 0.0) if column.kind == "date" else 0.0
                out[:, place] = numbers[:, j] + newest
        return out

    def given_values(self, X: Any) -> NDArray[np.object_]:
        """The numbers, categories and dates of a frame; None for other columns.

        Parameters
        ----------
        X : frame of shape (n_samples, n_features)
            Rows, as for `transform`.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_)
            Floats, texts (None for missing ones), and dates in days since 1970, in the columns of
            the frame of `fit`.
        """
        numbers, texts = self._read(X)
        out = np.full((len(numbers), self.n_features_in_), None, dtype=object)
        out[:, self._places(self.numbers_)] = numbers[:, : len(self.numbers_)]
        out[:, self._places(self.categories_)] = texts
        if self.dates_:  # of frames
            frame = as_pandas(X)
            given = {str(name): j for j, name in enumerate(frame.columns)}
            known = {column.name: column for column in self.schema_}
            for name, place in zip(self.dates_, self._places(self.dates_), strict=True):
                column = raw_column(name, frame.iloc[:, given[name]])
                out[:, place] = days_since_1970(typed_values(column, known[name]))
        return out

    def given_units(self) -> dict[str, str]:
        """The units of the columns that are given with one, and of dates.

        Returns
        -------
        dict of str to str
            The unit of each such column, by its name.
        """
        dates = dict.fromkeys(self.dates_, DAYS) if self.dates_ else {}
        return dates | {column.name: column.unit for column in self.schema_ if column.unit}

    def _places(self, names: Sequence[str]) -> list[int]:
        """Positions of columns in the frame of `fit`."""
        place = {name: j for j, name in enumerate(self.column_names())}
        return [place[name] for name in names]
