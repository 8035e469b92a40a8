"""Numbers as people and spreadsheets write them: detected in the texts of a column, and read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT = 2.0**53  # a float64 holds no larger integers exactly
# Texts for a missing value: the list of pandas, so that both read the same.
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
# More of them, in columns of numbers alone.
_SIGNS = ("-", "--", "---", "\u2013", "\u2014", "?", "??", ".", "..", "...", "*", "/", "#")
_SPREADSHEET = ("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!")
_GAPS = frozenset((*MISSING, *_SIGNS, *_SPREADSHEET))
_PLAIN = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|Inf|INF|infinity|Infinity)")
_SIMILAR = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u202f\u2009\u2007\t", " "),
        **dict.fromkeys("\u2212\u2012\u2013\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2019\u2018\u02bc\u00b4`", "'"),
    }
)
_MONEY = "EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|BRL|CAD|AUD|NZD|Rs\\.?|Fr\\.?|kr\\.?"
_CELL = re.compile(
    r"(?P<sign>[+-]?)\s*"
    rf"(?P<before>(?:[A-Z]{{0,3}}[$€£¥₹₽₩₺₫฿₴₦₱₡₪]|{_MONEY}|[<>≤≥~≈])?)\s*(?P<inner>[+-]?)\s*"
    r"(?P<body>[.,]?\d(?:[\d.,' ]*\d)?[.,]?)(?P<power>(?:[eE][+-]?\d+)?)\s*"
    r"(?P<after>(?:[^\s\d.,+\-()':;/#_&|][^\s()]{0,11})?)\s*(?P<trailing>-?)"
)
# Decimal and thousands marks, the most usual first.
_READINGS = (
    *((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " ")),
    *((".", "'"), (",", "'")),
)
_SHOWN = {" ": "a space", "": "none", "'": "an apostrophe"}


@dataclass(frozen=True)
class NumberSpelling:
    """How a column writes numbers.

    Attributes
    ----------
    decimal, thousands : str
        The mark before decimals, and the mark between thousands. Spaces of any kind are " ", and
        apostrophes of any kind "'".
    unit : str
        The text before or after each number, such as "kg", "%" or "€".
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def __str__(self) -> str:
        parts = [f"the decimal mark {self.decimal!r}"] if self.decimal != "." else []
        if self.thousands:
            mark = _SHOWN.get(self.thousands, repr(self.thousands))
            parts.append(f"{mark} between thousands")
        if self.unit:
            parts.append(f"the unit {self.unit!r}")
        return " and ".join(parts) or "signs of a spreadsheet"


@dataclass(frozen=True)
class _Cell:
    sign: float
    unit: str
    body: str
    power: str


class SpellingError(ValueError):
    """Most texts are numbers, but no single spelling reads them.

    Parameters
    ----------
    problem : str
        The fault, after the name of the column.
    odd : str or None
        A text that does not fit.
    decimals : tuple of str
        The decimal marks that are possible.
    """

    def __init__(
        self, problem: str, odd: str | None = None, decimals: tuple[str, ...] = ()
    ) -> None:
        super().__init__(problem)
        self.problem, self.odd, self.decimals = problem, odd, decimals


def cleaned(text: str) -> str:
    """The text without spaces around it, with the usual spaces, minus signs and apostrophes."""
    return text.translate(_SIMILAR).strip()


def is_plain(text: str) -> bool:
    """Whether a text is a number as programs write them."""
    return _PLAIN.fullmatch(text.strip()) is not None


def is_gap(text: str) -> bool:
    """Whether a text in a column of numbers means a missing number."""
    return text.strip() in _GAPS


def _cell(text: str) -> _Cell | None:
    text = cleaned(text)
    in_brackets = text[:1] == "(" and text[-1:] == ")"
    match = _CELL.fullmatch(text[1:-1].strip() if in_brackets else text)
    if match is None and not in_brackets and "(" in text:  # "$ (5)" or "(5) %"
        match = _CELL.fullmatch(re.sub(r"\(([^()]*)\)", r"\1", text, count=1))
        in_brackets = match is not None
    if match is None:
        return None
    signs = [match[name] for name in ("sign", "inner", "trailing") if match[name]]
    if len(signs) + in_brackets > 1:
        return None
    sign = -1.0 if in_brackets or signs == ["-"] else 1.0
    unit = " ".join(part for part in (match["before"], match["after"]) if part)
    return _Cell(sign, unit, match["body"], match["power"])


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    d, t = re.escape(decimal), re.escape(thousands)
    whole = r"\d+"
    if thousands:
        whole += rf"|[1-9]\d{{0,2}}(?:{t}\d{{3}})+"
    if thousands == ",":  # as in India
        whole += r"|[1-9]\d?(?:,\d\d)*,\d{3}"
    return re.compile(rf"(?:{whole})(?:{d}\d*)?|{d}\d+")


_PATTERNS = {reading: _pattern(*reading) for reading in _READINGS}
_ANY = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in _PATTERNS.values()))


def readings(
    bodies: Sequence[str], decimal: str | None = None, thousands: str | None = None
) -> list[tuple[str, str]]:
    """The decimal and thousands marks that read all bodies, one pair for each set of values."""
    wanted = [
        pair
        for pair in _READINGS
        if decimal in (None, pair[0])
        and (thousands is None or (pair[1] in ("", thousands) and pair[0] != thousands))
    ]
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for pair in wanted:
        if all(_PATTERNS[pair].fullmatch(body) for body in bodies):
            found.setdefault(tuple(_plainly(body, *pair) for body in bodies), pair)
    return list(found.values())


def _plainly(body: str, decimal: str, thousands: str) -> str:
    body = body.replace(thousands, "") if thousands else body
    return body.replace(decimal, ".").removesuffix(".")


def find_spelling(
    texts: Sequence[str],
    decimal: str | None = None,
    thousands: str | None = None,
    *,
    usual: str | None = None,
    counts: Sequence[int] | None = None,
) -> NumberSpelling | None:
    """Find the one spelling of all texts that are no marks of missing values.

    Parameters
    ----------
    texts : sequence of str
        The different texts of a column.
    decimal, thousands : str or None, default=None
        The marks, if they are known.
    usual : str or None, default=None
        The decimal mark of the other columns, which decides if two marks are possible.
    counts : sequence of int or None, default=None
        The number of rows with each text. None: one.

    Returns
    -------
    NumberSpelling or None
        None if less than half of the rows are numbers.

    Raises
    ------
    SpellingError
        If more are numbers, but with several spellings, or two ways to read them.
    """
    n_rows = dict(zip(texts, counts or [1] * len(texts), strict=True))
    texts = [text for text in texts if not is_gap(text)]
    cells = [_cell(text) for text in texts]
    numbers = [
        (text, cell)
        for text, cell in zip(texts, cells, strict=True)
        if cell is not None and _ANY.fullmatch(cell.body)
    ]
    units = [cell.unit for _, cell in numbers]
    rows_of: Counter[str] = Counter()
    for text, cell in numbers:
        rows_of[cell.unit] += n_rows[text]
    ((usual_unit, n_usual),) = rows_of.most_common(1) or [("", 0)]
    few_units = len(rows_of) <= 3 and len(numbers) == len(texts)
    if not numbers or (2 * n_usual <= sum(n_rows[text] for text in texts) and not few_units):
        return None  # words, or codes of digits and letters
    if len(numbers) < len(texts):
        known = {text for text, _ in numbers}
        odd = next(text for text in texts if text not in known)
        raise SpellingError("has text where numbers belong", odd)
    if len(set(units)) > 1:
        odd = next(text for text, cell in numbers if cell.unit != usual_unit)
        even = next(text for text, cell in numbers if cell.unit == usual_unit)
        raise SpellingError(f"has numbers of several units, such as {even!r} and {odd!r}", odd)
    if all(cell.sign < 0 and "(" in text for text, cell in numbers):
        return None  # codes in brackets
    marks = _marks([cell.body for _, cell in numbers], texts, decimal, thousands, usual)
    return NumberSpelling(*marks, units[0])


def _marks(
    bodies: list[str],
    texts: list[str],
    decimal: str | None,
    thousands: str | None,
    usual: str | None,
) -> tuple[str, str]:
    found = readings(bodies, decimal, thousands)
    if len(found) > 1 and usual is not None:
        found = [pair for pair in found if pair[0] == usual] or found
    if len(found) == 1:
        return found[0]
    if found:
        marked = next(text for text in texts if re.search(r"\d[.,]\d{3}", text))
        mark = "," if "," in marked else "."
        other = "." if mark == "," else ","
        raise SpellingError(
            f"has numbers such as {marked!r}, where {mark!r} can stand before decimals or between "
            "thousands",
            marked,
            (mark, other),
        )
    if decimal is not None or thousands is not None:
        pattern = [
            text for text, body in zip(texts, bodies, strict=True)
            if not readings([body], decimal, thousands)
        ]  # fmt: skip
        odd = pattern[0] if pattern else texts[0]
        raise SpellingError("has numbers that --decimal and --thousands do not fit", odd)
    first = next(i for i in range(2, len(bodies) + 1) if not readings(bodies[:i]))
    odd = texts[first - 1]
    even = next(
        (t for t, b in zip(texts, bodies, strict=True) if not readings([b, bodies[first - 1]])),
        texts[0],
    )
    raise SpellingError(f"writes numbers in several ways, such as {even!r} and {odd!r}", odd)


def read_numbers(
    texts: Sequence[str], spelling: NumberSpelling
) -> tuple[NDArray[np.float64], str | None]:
    """Read texts of a spelling, and plain numbers if they have only one meaning.

    Parameters
    ----------
    texts : sequence of str
        The texts; marks of missing numbers are read as NaN.
    spelling : NumberSpelling
        Their spelling.

    Returns
    -------
    values : ndarray of float64
        The numbers.
    odd : str or None
        The first text that is no number of this spelling.
    """
    values = np.full(len(texts), np.nan)
    pattern = _PATTERNS[spelling.decimal, spelling.thousands]
    takes_plain = not spelling.unit and spelling.thousands != "."
    for i, text in enumerate(texts):
        if takes_plain and spelling.decimal == "." and is_plain(text):  # most texts, and quickly
            values[i] = float(text)
            continue
        if is_gap(text):
            continue
        cell = _cell(text)
        if cell and cell.unit == spelling.unit and pattern.fullmatch(cell.body):
            body = _plainly(cell.body, spelling.decimal, spelling.thousands)
            values[i] = cell.sign * float(body + cell.power)
        elif takes_plain and is_plain(text):
            values[i] = float(text)
        else:
            return values, text
    return values, None


def decimal_of(texts: Iterable[str]) -> str | None:
    """The decimal mark that the texts prove: "."; None if it could divide thousands."""
    thousands = _PATTERNS[",", "."]
    for text in texts:
        cell = _cell(text) if "." in text else None
        if cell is not None and "." in cell.body and not thousands.fullmatch(cell.body):
            return "."
    return None
