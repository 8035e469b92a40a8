"""Dates as numbers of days, and in words."""

import numpy as np

DAYS = "days since 1970"  # the unit of dates


def iso_date(days: float) -> str:
    """The date, or the date and time, for a number of days since the beginning of 1970.

    Examples
    --------
    >>> from skood.explanation.dates import iso_date
    >>> iso_date(19793.0), iso_date(19793.25)
    ('2024-03-11', '2024-03-11T06:00:00')
    """
    return str(np.datetime64(round(days * 86_400), "s")).removesuffix("T00:00:00")
