"""The description of a table's columns, and the categories that a column knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ..explanation.dates import iso_date
from .table_numbers import NumberSpelling

KINDS = ("number", "category", "boolean", "date", "id", "excluded")
_PAIRS = (
    *(("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on")),
    *(("falsch", "wahr"), ("nein", "ja"), ("faux", "vrai"), ("non", "oui")),
)
_TRUTH = {word: bool(i) for pair in _PAIRS for i, word in enumerate(pair)}
_TRUTH |= {"0": False, "1": True}
_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_CATEGORIES_SHOWN = 6


@dataclass(frozen=True)
class ColumnSchema:
    """The description of a column, and the decisions on it.

    Attributes
    ----------
    name : str
        Name of the column.
    kind : {"number", "category", "boolean", "date", "id", "excluded"}
        The last two are no features.
    decimal, thousands, unit : str
        How the file writes numbers; see `NumberSpelling`.
    spelled : bool
        Whether these numbers have a spelling that programs do not read.
    low, high : float or None
        Range of the numbers; of dates in days since the beginning of 1970.
    categories : tuple of str
        The categories, without missing values.
    na : tuple of str
        Values that mean "missing".
    format : str
        The format of dates: "ISO 8601", or a format of `datetime.strptime` for the day; "" for
        dates that are not text, and for a time alone.
    zoned : bool
        Whether dates have a time zone. They are read in UTC.
    parts : tuple of {"hour", "weekday", "month", "age"}
        The features of a date: sine and cosine of the time of day, of the day of the week and of
        the year, and the days since the newest training date.
    missing : float
        Share of missing values.
    ordered : bool
        Whether the numbers never fall from row to row, or never rise.
    reason : str
        Why the column has this kind.
    """

    name: str
    kind: str = "number"
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    spelled: bool = False
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    na: tuple[str, ...] = ()
    format: str = ""
    zoned: bool = False
    parts: tuple[str, ...] = ()
    missing: float = 0.0
    ordered: bool = False
    reason: str = ""

    @property
    def spelling(self) -> NumberSpelling:
        """How the column writes numbers."""
        return NumberSpelling(self.decimal, self.thousands, self.unit)

    @property
    def is_feature(self) -> bool:
        """Whether the column is a feature."""
        return self.kind in ("number", "category", "boolean", "date")

    @property
    def holds_bits(self) -> bool:
        """Whether the numbers are 0 and 1, so that another file may write truth values."""
        return self.kind == "number" and (self.low, self.high) in ((0, 1), (0, 0), (1, 1))

    def to_dict(self) -> dict[str, Any]:
        """The fields that differ from the defaults, for JSON or TOML."""
        usual = {field.name: field.default for field in fields(self)}
        given = {name: v for name, v in asdict(self).items() if v != usual[name] or name == "kind"}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The description from such a dict.

        Raises
        ------
        ValueError
            If a field does not exist, or the kind does not.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise ValueError(
                f"A column is described by {', '.join(known)}. Got {unknown[0]!r} instead."
            )
        if values.get("kind", "number") not in KINDS:
            raise ValueError(
                f"The kind of the column {values.get('name')!r} must be one of {', '.join(KINDS)}. "
                f"Got {values['kind']!r} instead."
            )
        plain: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in values.items()
        }
        return cls(**plain)

    def describe(self) -> str:
        """The description in one line, without the name."""
        parts = [self.kind + (f" in {self.unit}" if self.unit else "")]
        if self.parts:
            parts.append(", ".join(self.parts))
        if self.low is not None and self.high is not None:
            parts.append(f"{self.shown(self.low)} to {self.shown(self.high)}")
        if self.categories:
            shown = ", ".join(self.categories[:_CATEGORIES_SHOWN])
            more = len(self.categories) - _CATEGORIES_SHOWN
            parts.append(shown + (f" and {more:,} more" if more > 0 else ""))
        if self.missing:
            parts.append(f"{100 * self.missing:.2g} % missing")
        if self.reason:
            parts.append(self.reason)
        return "; ".join(parts)

    def shown(self, value: float) -> str:
        """An end of the range, as text."""
        return iso_date(value) if self.kind == "date" else f"{value:.6g}"

    def _code(self, text: str) -> str:
        """The category with the same digits, because spreadsheets drop leading zeros."""
        if not text.isdecimal() or not all(code.isdecimal() for code in self.categories):
            return text
        same = [code for code in self.categories if code.lstrip("0") == text.lstrip("0")]
        return same[0] if len(same) == 1 else text

    def known_text(self, text: str) -> str:
        """The category of a text: codes and truth values have several spellings."""
        text = canonical(text)
        if text in self.categories:
            return text
        if self.kind != "boolean":
            return self._code(text)
        wanted = truth(text)
        return next((c for c in self.categories if truth(c) is wanted), text)


def canonical(text: str) -> str:
    """A category without spaces around it, in composed letters; whole numbers without decimals."""
    text = unicodedata.normalize("NFC", text).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def truth(text: str) -> bool | None:
    """The truth value of a text, or None."""
    return _TRUTH.get(canonical(text).casefold())


def are_truth_values(texts: list[str]) -> bool:
    """Whether texts are one of the usual pairs for true and false."""
    words = {text.casefold() for text in texts}
    if len(words) == 1:
        return words <= {"true", "false"}
    return any(words == set(pair) for pair in _PAIRS)
