"""The columns of frames of any library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ..measures.arguments import shown
from .table_findings import shortened
from .table_numbers import is_plain

_NUMBERS, _BOOLEANS = (Real, Decimal, np.bool_), (bool, np.bool_)
_TYPES_SHOWN = 4
_KINDS = {
    "string": "text",
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "number"),
    **dict.fromkeys(("datetime", "date", "datetime64"), "date"),
    "boolean": "boolean",
    "empty": "empty",
}


@dataclass(frozen=True, eq=False)
class RawColumn:
    """A column before any decision.

    Attributes
    ----------
    name : str
        Its name.
    held : {"number", "text", "category", "boolean", "date", "empty", "other"}
        The kind of its values by the frame.
    type_name : str
        Name of its type, for errors.
    numbers : ndarray of float64 or None
        The values of numbers; NaN where missing.
    codes, texts : ndarray, or None
        The different texts of any other column, and the position of each row's text in them; -1 if
        missing.
    dates : ndarray of datetime64 or None
        The values of a column of dates, in UTC if `zoned`; NaT where missing.
    zoned : bool
        Whether these dates have a time zone.
    as_text : callable or None
        Returns the column of a text file as text.
    """

    name: str
    held: str
    type_name: str
    numbers: NDArray[np.float64] | None = None
    codes: NDArray[np.intp] | None = None
    texts: NDArray[np.object_] | None = None
    dates: NDArray[np.datetime64] | None = None
    zoned: bool = False
    as_text: Callable[[], RawColumn] | None = None

    def __len__(self) -> int:
        values = self.codes if self.numbers is None else self.numbers
        assert values is not None  # noqa: S101
        return len(values)

    @property
    def n_missing(self) -> int:
        """The number of missing values."""
        if self.numbers is not None:
            return int(np.isnan(self.numbers).sum())
        assert self.codes is not None  # noqa: S101
        return int((self.codes < 0).sum())

    def counts(self) -> list[int]:
        """The number of rows with each text."""
        assert self.codes is not None  # noqa: S101
        known = self.codes[self.codes >= 0]
        return np.bincount(known, minlength=len(self.text_list())).tolist()

    def text_list(self) -> list[str]:
        """The different texts of a column that is not of numbers."""
        assert self.texts is not None  # noqa: S101
        return list(self.texts)

    def written(self) -> RawColumn | None:
        """The column as text, if the file or frame has text."""
        if self.as_text is not None:
            return self.as_text()
        return self if self.held == "text" and self.texts is not None else None

    def without(self, marks: tuple[str, ...]) -> RawColumn:
        """The column with these values missing."""
        if not marks:
            return self
        text = None if self.as_text is None else self.as_text().without(marks)
        changed = replace(self, as_text=None if text is None else lambda: text)
        if self.numbers is not None:
            is_mark = np.isin(self.numbers, [float(mark) for mark in marks if is_plain(mark)])
            return replace(changed, numbers=np.where(is_mark, np.nan, self.numbers))
        if self.codes is None or self.texts is None:
            return changed
        stays = np.array([*(text.strip() not in marks for text in self.texts), False])
        places = np.where(stays, np.cumsum(stays) - 1, -1)
        return replace(changed, codes=places[self.codes], texts=self.texts[stays[:-1]])

    def mapped(self, change: Callable[[str], str]) -> NDArray[np.object_]:
        """The texts of the rows, each changed; None where missing."""
        assert self.codes is not None  # noqa: S101
        known = np.array([*map(change, self.text_list()), None], dtype=object)
        return known[self.codes]


def is_frame(X: Any) -> bool:
    """Whether X is a table of named columns: of pandas, polars, pyarrow or another library."""
    if hasattr(X, "iloc"):
        return hasattr(X, "columns")
    return hasattr(X, "__arrow_c_stream__") or hasattr(X, "__dataframe__")  # early polars


def is_of_numbers(X: Any) -> bool:
    """Whether X is a frame of pandas with numbers alone."""
    dtypes = getattr(X, "dtypes", None)
    if not hasattr(X, "iloc") or dtypes is None:
        return False
    return all(getattr(dtype, "kind", "O") in "iuf" for dtype in dtypes)


def as_pandas(X: Any) -> Any:
    """A frame as one of pandas.

    Raises
    ------
    ImportError
        If a needed package is not installed.
    """
    if hasattr(X, "iloc"):
        return X
    arrow = import_optional("pyarrow", "io", needed_by="A frame that is not of pandas")
    import_optional("pandas", "io", needed_by="A frame that is not of pandas")
    try:
        return (arrow.table(X) if hasattr(X, "__arrow_c_stream__") else X).to_pandas()
    except arrow.ArrowException as error:  # a column alone, or values that pandas does not hold
        raise ValueError(
            f"X must be a frame that pandas can convert. Got a {type(X).__name__} instead "
            f"({shown(error)})."
        ) from error


def _held_by_objects(values: Any) -> tuple[str, str]:
    """The kind of objects of several types, numbers or texts, and the names of the types."""
    known = values[values.notna()]
    kinds = {type(value) for value in known}
    names = ", ".join(sorted(kind.__name__ for kind in kinds)[:_TYPES_SHOWN])
    if all(issubclass(kind, _NUMBERS) and not issubclass(kind, _BOOLEANS) for kind in kinds):
        return "number", names
    return ("text" if all(issubclass(kind, (str, *_NUMBERS)) for kind in kinds) else "other"), names


def _float(value: Any) -> float:
    """A number as a float: infinite if it is too large, and NaN if it signals an error."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
    except ValueError:
        return np.nan


def raw_column(name: str, values: Any) -> RawColumn:
    """The column of a pandas Series."""
    import pandas as pd

    dtype, types = values.dtype, pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        held, values = "category", values.astype(object)
    elif types.is_bool_dtype(dtype):
        held = "boolean"
    elif types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        held = "number"
    elif types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        held = "date"
    elif types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        held = _KINDS.get(types.infer_dtype(values, skipna=True), "other")
    else:
        held = "other"
    type_name = shortened(str(dtype))
    if held == "other" and types.is_object_dtype(dtype):
        held, type_name = _held_by_objects(values)
    if held in ("number", "empty"):
        if types.is_object_dtype(dtype):
            try:
                gaps = zip(values, values.isna(), strict=True)
            except ArithmeticError as error:  # Decimal("sNaN") compares with nothing
                raise ValueError(
                    f"The column {name!r} has a signalling NaN of decimal: write None in its place."
                ) from error
            values = pd.Series([None if is_gap else _float(v) for v, is_gap in gaps], dtype=float)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return RawColumn(name, held, type_name, numbers)
    if held == "other":
        return RawColumn(name, held, type_name, codes=np.zeros(len(values), dtype=np.intp))
    codes, texts = pd.factorize(values, use_na_sentinel=True)
    column = RawColumn(
        name, held, type_name, codes=codes, texts=np.array([*map(str, texts)], dtype=object)
    )
    if not types.is_datetime64_any_dtype(dtype):
        return column
    zoned = values.dt.tz is not None
    naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else values
    return replace(column, dates=naive.astype("datetime64[us]").to_numpy(), zoned=zoned)
