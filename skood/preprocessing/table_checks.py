"""Checks of new rows of a table: errors and warnings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from .._validation import check_float, check_option, parameter_error
from ._table_matrices import NumberColumns, gaps_of, names_of
from .table_schema import ColumnSchema

_DATES = ("exclude", "parts")
_MISSING = ("refuse", "median", "mean", "most_frequent", "expected")
_SCALES = ("standard", "quantile", "both")
FEWEST_ROWS = 5  # of fewer rows, none need have a known category
ADVICE = (
    "leave it out of the fit if it is a counter or a clock, or convert it if its unit has changed"
)
# What each scaler has warned of. Python forgets it whenever a library catches warnings.
_TOLD: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
_SAMPLE, _NEARLY_ALL = 30, 0.99  # rows that say something of a range, and their share


def check_parameters(scaler: Any) -> None:
    """Raise unless the options of a `TableScaler` are valid."""
    for name in ("copy", "with_mean", "with_std"):
        if not isinstance(getattr(scaler, name), bool | np.bool_):
            raise parameter_error(scaler, name, "a bool", getattr(scaler, name))
    check_option(scaler, "missing", scaler.missing, _MISSING)
    check_option(scaler, "dates", scaler.dates, _DATES)
    check_option(scaler, "scale", scaler.scale, _SCALES)
    check_float(scaler, "rarity", scaler.rarity, "[0, 1]")
    check_float(scaler, "novelty", scaler.novelty, "[1, inf)")


def named(scaler: Any, option: str, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that an option names, also by their positions."""
    given = getattr(scaler, option)
    if given is None:
        return ()
    columns = []
    for column in given:
        is_position = isinstance(column, Integral) and str(column) not in names
        if is_position and 0 <= int(column) < len(names):
            columns.append(names[int(column)])
        elif is_position or (scaler._is_array and str(column) not in names):
            allowed = f"names of columns, or positions from 0 to {len(names) - 1}"
            raise parameter_error(scaler, option, allowed, given)
        else:
            columns.append(str(column))
    return tuple(columns)


def refuse_gaps(numbers: NDArray[Any], texts: NDArray[Any], schema: Sequence[ColumnSchema]) -> None:
    """Raise if columns lack values."""
    missing = gaps_of(numbers, texts)
    if not missing.any():
        return
    owners = [*NumberColumns(schema).owners, *names_of(schema, "category", "boolean")]
    counts = dict(zip(owners, missing.sum(axis=0).tolist(), strict=True))
    gaps = [f"{count:,} in {name!r}" for name, count in counts.items() if count]
    raise ValueError(
        f"X has missing values ({', '.join(gaps)}): fill them with missing='median' of "
        "TableScaler, or leave these columns out."
    )


def refuse_infinite(numbers: NDArray[Any], schema: Sequence[ColumnSchema]) -> None:
    """Raise if columns have infinite values, or numbers that no float holds."""
    infinite = np.isinf(numbers).sum(axis=0)
    if infinite.any():
        owners = NumberColumns(schema).owners
        shown = [f"{n:,} in {name!r}" for name, n in zip(owners, infinite, strict=True) if n]
        raise ValueError(
            f"X has infinite values ({', '.join(shown)}): correct them, or leave these columns out."
        )


def refuse_gaps_of_numbers(numbers: NDArray[Any], schema: Sequence[ColumnSchema]) -> None:
    """Raise if columns of numbers lack values."""
    if numbers.dtype.kind == "f":
        refuse_gaps(numbers, np.empty((len(numbers), 0), dtype=object), schema)


def warn_of_other_categories(
    texts: NDArray[Any], known_categories: Mapping[str, NDArray[Any]], missing: str
) -> None:
    """Warn of columns in which no row has a category of the training rows."""
    for j, (name, known) in enumerate(known_categories.items()):
        if missing == "expected" and (texts[:, j] == None).all():  # noqa: E711  # of each text
            continue
        if len(texts) >= FEWEST_ROWS and not set(known) & set(texts[:, j]):
            warnings.warn(
                f"No row has a known category of {name!r}: the first one, {texts[0, j]!r}, was not "
                "in fit.",
                UserWarning,
                stacklevel=4,
            )


def side_outside(values: NDArray[Any], low: float, high: float) -> str:
    """The side of a range on which nearly all of many rows lie: "above", "below", or ""."""
    if len(values) < _SAMPLE:
        return ""
    least = _NEARLY_ALL * len(values)
    if np.count_nonzero(values > high) >= least:
        return "above"
    return "below" if np.count_nonzero(values < low) >= least else ""


def other_range(column: ColumnSchema, side: str) -> str:
    """The clause after the name of a column whose new values nearly all lie outside its range."""
    low, high = (column.shown(end) for end in (column.low or 0.0, column.high or 0.0))
    return f"lies {side} the range of the training rows ({low} to {high}) in nearly all rows"


def warn_of_other_ranges(owner: Any, numbers: NDArray[Any], schema: Sequence[ColumnSchema]) -> None:
    """Warn of columns whose values nearly all lie outside the range of the training rows.

    A fitted owner warns once of each column, for all blocks of a stream.
    """
    if len(numbers) < _SAMPLE:
        return
    told = _TOLD.setdefault(owner, {})
    if told.get("schema") is not schema:  # fitted anew
        told.clear()
        told["schema"] = schema
    for j, column in enumerate(NumberColumns(schema).ranged):
        if column is None or column.low is None or column.high is None or column.name in told:
            continue
        shift = column.high if column.kind == "date" else 0.0  # the age: 0 is the newest
        side = side_outside(numbers[:, j], column.low - shift, column.high - shift)
        if side:
            told[column.name] = side
            warnings.warn(
                f"The column {column.name!r} {other_range(column, side)}: {ADVICE}. The rows are "
                "scored as they are.",
                UserWarning,
                stacklevel=4,
            )
