"""Dates: read from text, and split into numbers that repeat each day, week and year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray

from .table_numbers import is_gap

PARTS = ("hour", "weekday", "month", "age")
ISO = "ISO 8601"
# Numbers that count from a moment on: its name, the microseconds of one, and the numbers that are
# taken for dates, from 1927 or 1980 to 2119 or 2100.
_COUNTS = {
    "Excel": ("1899-12-30", 86_400e6, 1e4, 8e4),
    "Unix": ("1970-01-01", 1e6, 3.15e8, 4.11e9),
    "Unix ms": ("1970-01-01", 1e3, 3.15e11, 4.11e12),
}
_FORMATS = (
    *(ISO, "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m", "%m/%Y", "%d.%m.%Y", "%d.%m.%y"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y", "", *_COUNTS),
)
_MOMENT = re.compile(
    r"(?P<day>.*?)(?:(?:^|[T ]|, )(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?)"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?)?\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?)?"
)
# What a cell is like that was meant as a date, as `_plain` gives it.
_LIKE_TIME = (
    r"(?:(?:[T ]|, )?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:[AaPp]\.?[Mm]\.?)?\s?"
    r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?)"
)
_LIKE_DATE = re.compile(
    r"(?:\d{8}T\d{4}(?:\d{2})?|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}[ -]?M\d\d[ -]?\d{{2,4}}|M\d\d \d{{1,2}} \d{{4}}){_LIKE_TIME}?|{_LIKE_TIME}"
)
# The months of English, German, French and Spanish, without accents.
_MONTH = re.compile(
    r"(jan(?:uary|uar|ner|vier|v)?|ene(?:ro)?)|(feb(?:ruary|ruar|er|rero)?|fev(?:rier|r)?)"
    r"|(mar(?:ch|z|s|zo)?|mrz|maerz)|(apr(?:il)?|avr(?:il)?|abr(?:il)?)|(mayo?|mai)"
    r"|(jun[ei]?|junio|juin)|(jul[yi]?|julio|juil(?:let)?)|(aug(?:ust)?|aout|ago(?:sto)?)"
    r"|(sept?(?:ember|embre|iembre)?|set(?:iembre)?)|(o[ck]t(?:ober|obre|ubre)?)"
    r"|(nov(?:ember|embre|iembre)?)|(de[cz](?:ember|embre)?|dic(?:iembre)?)"
)
_WORD = re.compile(r"[^\W\d_]{2,}\.?")
_WEEKDAY = re.compile(
    r"(?:mo|di|mi|do|fr|sa|so|mon|tue|wed|thu|fri|sat|sun|lun|mer|jeu|ven|sam|dim|mie|jue|vie|sab"
    r"|dom|[a-z]{3,7}(?:day|tag|woch|abend|di)|dimanche|lunes|martes|miercoles|jueves|viernes"
    r"|sabado|domingo|%a)\.?,? (?=[\d%a-z])",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    r"(?<=\d)(?:er|st|nd|rd|th|[ºª°])(?![a-z])|(?<=[\dd])\.(?= ?(?:[^\W\d_]{2}|%b))"
)
_FILLERS = ("de", "del", "uhr")
_DAY, _YEAR = np.timedelta64(1, "D"), np.timedelta64(1, "Y")
_WEEKDAYS, _SEASONS = 14.0, 365.0  # days that show each weekday twice, and each season


class DateError(ValueError):
    """Texts are dates, but no single format reads them.

    Parameters
    ----------
    problem : str
        The fault, as a clause after the name of a column.
    formats : sequence of str, default=()
        The formats that are possible.
    odd : str or None, default=None
        The text that no format reads.
    """

    def __init__(self, problem: str, formats: Sequence[str] = (), odd: str | None = None) -> None:
        super().__init__(problem)
        self.formats, self.odd = formats, odd


def is_like_date(text: str) -> bool:
    """Whether a text looks like a date or a time."""
    return _LIKE_DATE.fullmatch(_plain(text.strip())) is not None


def find_format(texts: Sequence[str], form: str = "") -> tuple[str, bool]:
    """The only format that reads all texts except gaps, and whether they have a time zone.

    `form` is the format, if it is known.

    A format is that of `datetime.strptime` for the day; a time may follow. "" is a time alone.
    """
    texts = [text for text in texts if not is_gap(text)]
    left = [form] if form else [*_FORMATS]
    if not form and all(_moment(text, ISO) for text in texts):
        left = [ISO]  # the quickest
    for text in texts:
        fit = [form for form in left if _moment(text, form)]
        if not fit and not form and any(_moment(text, form) for form in _FORMATS):
            raise DateError(f"writes dates in several ways, such as {texts[0]!r} and {text!r}")
        if not fit:
            as_told = f" as {form}" if form else ""
            raise DateError(f"has dates that cannot be read{as_told}", odd=text)
        left = fit
    found = {tuple(_moment(text, form) for text in texts): form for form in reversed(left)}
    if len(found) > 1:
        readings = zip(*found, strict=True)
        odd = next(i for i, moments in enumerate(readings) if len(set(moments)) > 1)
        raise DateError(
            f"has dates such as {texts[odd]!r}, where the day or the month can come first",
            [*found.values()],
        )
    ((dates, form),) = found.items()
    zoned = [date is not None and date.tzinfo is not None for date in dates]
    if len(set(zoned)) > 1:
        odd = zoned.index(not zoned[0])
        raise DateError(
            f"has dates with and without a time zone, such as {texts[0]!r} and {texts[odd]!r}"
        )
    return form, zoned[0]


def read_dates(
    texts: Sequence[str], form: str, *, zoned: bool
) -> tuple[NDArray[np.datetime64], str | None]:
    """Read texts of a format as dates, in UTC if they have time zones; NaT for gaps.

    The second value is the first text that is no such date.
    """
    moments: list[datetime | None] = []
    for text in texts:
        moment = None if is_gap(text) else _moment(text, form)
        if not is_gap(text) and (moment is None or (moment.tzinfo is not None) != zoned):
            return np.empty(0, dtype="datetime64[us]"), text
        moments.append(moment if moment is None or not zoned else moment.replace(tzinfo=None))
    return np.array(moments, dtype="datetime64[us]"), None


def _moment(text: str, form: str) -> datetime | None:
    """The moment of a text; in UTC if it names a zone."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text) if form == ISO else _of_format(text, form)
        return moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)  # each text is tried with all formats
def _plain(text: str) -> str:
    """A date without words: "Mo, 12. März 2024" is "12 M03 2024"; so are formats with months."""
    text = " ".join(text.replace("%B", "%b").replace("%A", "%a").split())
    if "%b" not in text and not _WORD.search(text):
        return text
    text = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    text = _ORDINAL.sub("", _WEEKDAY.sub("", text, count=1)).replace("%b", "M%m")
    text = re.sub(r",(?= ?(?:\d{4}|%Y))", "", _WORD.sub(_month, text))
    return " ".join(text.split())


def _month(word: re.Match[str]) -> str:
    name = word[0].rstrip(".").casefold()
    found = _MONTH.fullmatch(name)
    if found is not None:
        return f"M{found.lastindex:02}"
    return "" if name in _FILLERS else word[0]


def _of_format(text: str, form: str) -> datetime:
    if form in _COUNTS:
        start, unit, low, high = _COUNTS[form]
        number = float(text)
        if not low <= number <= high:
            raise ValueError
        return datetime.fromisoformat(start) + timedelta(microseconds=round(number * unit))
    text, form = _plain(text), _plain(form)
    if "%H" in form or "%I" in form:
        return datetime.strptime(text, form)  # a given format, with the time
    match = _MOMENT.fullmatch(text)
    if match is None or not (form or match["clock"]):
        raise ValueError
    day = datetime.strptime(match["day"], form) if form or match["day"] else datetime(1970, 1, 1)
    if not match["clock"]:
        return day
    hour, _, rest = match["clock"].replace(",", ".").partition(":")
    if match["half"]:
        if not 1 <= int(hour) <= 12:
            raise ValueError
        hour = str(int(hour) % 12 + 12 * (match["half"][0] in "pP"))
    zone = (match["zone"] or "").replace("UTC", "Z").replace("GMT", "Z")
    clock = time.fromisoformat(f"{hour.zfill(2)}:{rest}{zone}")
    return datetime.combine(day, clock)


def days_since_1970(values: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """The days from the beginning of 1970 on; NaN for NaT."""
    return (values - np.datetime64(0, "us")) / _DAY


def useful_parts(values: NDArray[np.datetime64], *, in_order: bool) -> tuple[str, ...]:
    """The parts that differ between the rows and that new rows can share.

    Weekday and season need dates on all weekdays and in all seasons. Rows in the order of time get
    no age, because all new rows would be younger.
    """
    days = days_since_1970(values[~np.isnat(values)])
    span = float(np.ptp(days)) if len(days) else 0.0
    is_useful = {
        "hour": len(np.unique(days % 1)) > 1,
        "weekday": span >= _WEEKDAYS,
        "month": span >= _SEASONS,
        "age": span > 0 and not in_order,
    }
    return tuple(part for part in PARTS if is_useful[part])


def part_names(name: str, parts: Sequence[str]) -> list[str]:
    """Names of the numbers that a date becomes."""
    return [
        f"{name} ({part}{wave})"
        for part in parts
        for wave in ((", sine", ", cosine") if part != "age" else ("",))
    ]


def part_weights(parts: Sequence[str]) -> list[float]:
    """Factors with which sine and cosine together weigh as much as one number."""
    return [w for part in parts for w in ([1.0] if part == "age" else [0.5**0.5] * 2)]


def part_values(
    values: NDArray[np.datetime64], parts: Sequence[str], newest: float
) -> NDArray[np.float64]:
    """Sine and cosine of each part that repeats; for the age, the days since `newest`."""
    days = days_since_1970(values)
    years = values.astype("datetime64[Y]")
    length = (years + _YEAR).astype("datetime64[D]") - years.astype("datetime64[D]")
    turns = {
        "hour": days % 1,
        "weekday": (np.floor(days) + 3) % 7 / 7,  # 1970 began on a Thursday
        "month": (values - years.astype("datetime64[us]")) / length.astype("timedelta64[us]"),
    }
    columns = []
    for part in parts:
        if part == "age":
            columns.append(days - newest)
        else:
            columns += [np.sin(2 * np.pi * turns[part]), np.cos(2 * np.pi * turns[part])]
    return np.column_stack(columns)
