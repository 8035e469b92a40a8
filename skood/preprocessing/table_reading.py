"""The decisions of a `TableScaler` on the columns of a table, and its reading of rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from .._optional import import_optional
from .._validation import forget_columns
from ..measures.arguments import rows_in_one_sentence
from . import table_checks as checks
from ._table_matrices import matrices
from .schema_files import described
from .table_columns import RawColumn, as_pandas, is_frame, is_of_numbers, raw_column
from .table_decisions import DATES_LEFT_OUT, TableOptions, decide
from .table_findings import Finding, all_sentences, did_you_mean
from .table_schema import ColumnSchema

_OPTIONS = ("exclude", "categorical", "features", "schema")


class TableReader:
    """The part of a `TableScaler` that reads frames and arrays."""

    exclude: Any
    categorical: Any
    features: Any
    schema: Any
    decimal: Any
    thousands: Any
    max_categories: Any
    dates: str
    missing: str
    scale: str
    schema_: tuple[ColumnSchema, ...]
    numbers_: list[str]
    dates_: list[str]
    categories_: list[str]

    _is_array = False  # whether the rows are those of an array, though columns differ

    def _takes_as_numbers(self, X: Any) -> bool:
        """Whether X holds only NumPy numbers, and no option is about its columns."""
        if any(getattr(self, name) is not None for name in _OPTIONS):
            return False
        if self.missing != "refuse" or self.scale != "standard":
            return False
        return not is_frame(X) or is_of_numbers(X)

    def _raw_columns(self, X: Any) -> list[RawColumn]:
        """The columns of training rows; remembers the type of X."""
        forget_columns(self)
        self._is_array = not is_frame(X)
        if self._is_array:
            return list(self._array_columns(X, reset=True).values())
        frame = as_pandas(X)
        names = [str(name) for name in frame.columns]
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        return [raw_column(name, frame.iloc[:, j]) for j, name in enumerate(names)]

    def _array_columns(self, X: Any, *, reset: bool) -> dict[str, RawColumn]:
        """The columns of an array, with numbers as names."""
        values = self._checked_array(X, None, reset=reset)
        if values.dtype.kind in "iuf":
            floats = values.astype(np.float64)
            columns = [RawColumn("", "number", str(values.dtype), column) for column in floats.T]
        else:
            pandas = import_optional("pandas", "io", needed_by="An array of texts")
            columns = [raw_column("", pandas.Series(v).infer_objects()) for v in values.T]
        return {f"x{j}": replace(column, name=f"x{j}") for j, column in enumerate(columns)}

    def _checked_array(self, X: Any, dtype: Any, *, reset: bool) -> NDArray[Any]:
        with rows_in_one_sentence(self):
            return validate_data(self, X, dtype=dtype, ensure_all_finite=False, reset=reset)

    def _of_numbers(self, frame: Any) -> tuple[ColumnSchema, ...]:
        """The schema of a frame of numbers; warns of row numbers."""
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            return ()
        raw = [raw_column(name, frame.iloc[:, j]) for j, name in enumerate(names)]
        known = {column.name: column for column in self._without_counters(raw, {})[0]}
        return tuple(known.get(name, ColumnSchema(name)) for name in names)

    def _decided(self, raw: list[RawColumn]) -> list[ColumnSchema]:
        """The schema; raises for columns that can be no features, and warns of doubtful ones."""
        known = described(self.schema)
        absent = [name for name in known if name not in {column.name for column in raw}]
        if absent:
            raise ValueError(
                f"The schema describes {', '.join(map(repr, absent))}, which X lacks: the columns "
                f"of X are {', '.join(repr(column.name) for column in raw)}."
            )
        schema, errors = self._without_counters(raw, known)
        if errors:
            raise ValueError(all_sentences("", errors, command=False))
        left_out = [c.name for c in schema if c.reason == DATES_LEFT_OUT and c.name not in known]
        if left_out:
            warnings.warn(
                f"The dates in {', '.join(map(repr, left_out))} are left out: "
                f"exclude={left_out} says so without this warning, and dates='parts' makes "
                "features of them.",
                UserWarning,
                stacklevel=4,
            )
        if not any(column.is_feature for column in schema):
            raise ValueError("X has no columns that are features.")
        return schema

    def _without_counters(
        self, raw: list[RawColumn], known: Mapping[str, ColumnSchema]
    ) -> tuple[list[ColumnSchema], list[Finding]]:
        """The schema and errors; columns that look like row numbers stay, with a warning."""
        names = [column.name for column in raw]
        options = TableOptions(
            None,
            checks.named(self, "exclude", names),
            checks.named(self, "categorical", names),
            checks.named(self, "features", names),
            self.decimal,
            self.thousands,
            self.max_categories,
            self.dates,
            known,
        )
        schema, findings = decide(raw, options)
        errors = [finding for finding in findings if finding.is_error]
        counters = [finding for finding in findings if not finding.is_error]
        if counters and not errors:
            for finding in () if self._is_array else counters:  # as of arrays of numbers alone
                warnings.warn(finding.sentence(command=False), UserWarning, stacklevel=5)
            features = (*options.features, *(finding.column for finding in counters))
            schema, _ = decide(raw, replace(options, features=features))
        return schema, errors

    def _read(self, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers and the texts of new rows."""
        names = [*self.numbers_, *self.dates_, *self.categories_]
        if self._is_array:
            return self._read_array(X)
        if not is_frame(X):
            raise ValueError(
                f"X must be a frame with the columns {', '.join(names)}, as in fit. Got a "
                f"{type(X).__name__} instead."
            )
        frame = as_pandas(X)
        place = {str(name): j for j, name in enumerate(frame.columns)}
        lacking = [name for name in names if name not in place]
        if lacking:
            lacked = f"X lacks the columns {', '.join(map(repr, lacking))} of the fit."
            raise ValueError(lacked + did_you_mean(lacking, [*place]))
        has_marks = any(column.na for column in self.schema_)
        is_plain = len(names) == len(self.numbers_) and not has_marks
        if is_plain and all(str(frame.dtypes.iloc[place[n]]) == "float64" for n in names):
            numbers = frame.iloc[:, [place[n] for n in names]].to_numpy()
            if not np.isnan(numbers).any():
                return numbers, np.empty((len(numbers), 0), dtype=object)
        return self._typed({n: raw_column(n, frame.iloc[:, place[n]]) for n in names})

    def _read_array(self, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        if len(self.numbers_) < len(self.schema_):
            return self._typed(self._array_columns(X, reset=False))
        numbers = self._checked_array(X, (np.float64, np.float32), reset=False)
        self._check_cells(numbers, np.empty((len(numbers), 0), dtype=object))
        return numbers, np.empty((len(numbers), 0), dtype=object)

    def _typed(self, raw: Mapping[str, RawColumn]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers, with the parts of dates, and the texts of a frame."""
        numbers, texts = matrices(raw, self.schema_)
        self._check_cells(numbers, texts)
        return numbers, texts

    def _check_cells(self, numbers: NDArray[Any], texts: NDArray[Any]) -> None:
        checks.refuse_infinite(numbers, self.schema_)
        if self.missing == "refuse":
            checks.refuse_gaps(numbers, texts, self.schema_)
