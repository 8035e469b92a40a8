"""One feature of an explanation in words: its value, the expected value, its share."""

from __future__ import annotations

from math import floor, isfinite, log10, nan
from numbers import Real
from typing import Any

import numpy as np

from .dates import DAYS, iso_date
from .expected import Categories

_CATEGORIES, _LEAST_SHARE = 3, 0.005
_LONGEST = 40  # letters of a category
_WHOLE = 1e6  # smaller numbers are not rounded to tens
_SAME, _MOST_DIGITS = 1e-9, 14  # rounding between numbers, and digits after the first


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NA or NaT."""
    if value is None:
        return True
    same = value == value  # not so for NaN, and NA for NA
    return not isinstance(same, bool | np.bool_) or not same


def in_digits(number: float, *others: float) -> str:
    """A number with three digits; with more if it would read as another one, or is a whole number.

    Examples
    --------
    >>> from skood.explanation._reasons import in_digits
    >>> in_digits(50.7312), in_digits(2024.3), in_digits(3.0001, 3.0)
    ('50.7', '2024', '3.0001')
    """
    if not isfinite(number):
        return str(number)
    whole = floor(log10(abs(number) or 1.0))
    decimals = max(2 - whole, 0 if abs(number) < _WHOLE else -whole)
    for other in others:
        apart = abs(number - other)
        if isfinite(apart) and apart > _SAME * abs(number):
            decimals = max(decimals, -floor(log10(apart)))
    rounded = float(f"{number:.{min(max(decimals + whole, 2), _MOST_DIGITS)}e}")
    if rounded and not 1e-4 <= abs(rounded) < 1e15:
        return f"{rounded:g}"
    return np.format_float_positional(rounded, trim="-") if rounded else "0"


def in_words(
    name: str,
    value: Any,
    ends: tuple[float, float, float] | None,
    categories: Categories | None,
    row: int,
    percent: float,
    unit: str = "",
) -> str:
    """A feature of a row in one clause: ``weight = 9 kg, expected 1.6 to 2.5 kg (87 %)``."""
    written = _as_date if unit == DAYS else in_digits
    unit = f" {unit}" if unit and unit != DAYS else ""
    said = f"{name} is missing"
    low, median, high = ends or (nan, nan, nan)
    if categories is not None:
        labels = ["" if is_missing(label) else str(label) for label in categories.labels]
        if not is_missing(value):
            new = "" if str(value) in labels else " (new)"
            said = f"{name} = {_quoted(str(value))}{new}"
        expected = _shares(labels, categories.shares[row])
        return f"{said}, {expected} ({percent:.0f} %)" if expected else f"{said} ({percent:.0f} %)"
    numeric = isinstance(value, Real) and not is_missing(value)
    if numeric:
        said = f"{name} = {written(float(value), low, high)}{unit}"
    elif not is_missing(value):
        said = f"{name} = {_quoted(str(value))}"
    others = (float(value),) if numeric else ()
    if isfinite(low) and isfinite(high):
        first, last = written(low, high, *others), written(high, low, *others)
        said += f", expected {first if first == last else f'{first} to {last}'}{unit}"
    elif isfinite(median):
        said += f", expected about {written(median, *others)}{unit}"
    return f"{said} ({percent:.0f} %)"


def _as_date(days: float, *_others: float) -> str:
    return iso_date(days)


def _quoted(text: str) -> str:
    return f'"{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"}"'


def _shares(labels: list[str], shares: Any) -> str:
    """The most frequent categories, with their shares in percent."""
    order = np.argsort(-np.asarray(shares), kind="stable")[:_CATEGORIES]
    usual = [
        f"{_quoted(labels[j]) if labels[j] else 'missing'} {100 * shares[j]:.0f} %"
        for j in order
        if shares[j] >= _LEAST_SHARE
    ]
    return f"expected {', '.join(usual)}" if usual else ""
