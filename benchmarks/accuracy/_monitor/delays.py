"""Delays of alarms, with the thresholds of the peers at one rate of false alarms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from .streams import CHANGE

Records = Sequence[tuple[int, float]]
FALSE_ALARMS = 0.05  # share of the streams without a change that alarm at any time


def threshold(streams: Sequence[Records], rate: float = FALSE_ALARMS) -> float:
    """The lowest limit of a statistic that at most this share of the streams ever reaches."""
    highest = np.sort([records[-1][1] if records else -np.inf for records in streams])[::-1]
    return float(np.nextafter(highest[int(rate * len(highest))], np.inf))


def first_alarm(records: Records, limit: float) -> int | None:
    """The row at which the statistic reaches the limit."""
    return next((row for row, value in records if value >= limit), None)


class Delays(NamedTuple):
    """How a method does on the streams of a kind."""

    median: float
    """Rows from the change to the alarm; infinite if most streams have none."""
    share: float
    """Share of the streams with an alarm after the change, and none before it."""
    n_early: int
    """Streams with an alarm before the change."""


def delays(rows: Iterable[int | None]) -> Delays:
    """From the row of the alarm of each stream; one before the change finds nothing."""
    rows = list(rows)
    is_early = [row is not None and row < CHANGE for row in rows]
    waits = [
        np.inf if row is None or early else row - CHANGE + 1.0
        for row, early in zip(rows, is_early, strict=True)
    ]
    found = np.isfinite(waits)
    # The lower of two middle values: the mean of a number and infinity says nothing.
    median = float(np.sort(waits)[(len(waits) - 1) // 2])
    return Delays(median, float(found.mean()), sum(is_early))
