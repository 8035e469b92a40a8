"""A limited number of alerts in each period, for the strangest rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class AlertBudget:
    """Flags at most `most` rows in each period of `length` nanoseconds, or of `length` rows.

    A row is flagged if its p-value is at most the budget over the rows of the period before, and
    at most alpha, and the budget is not spent.
    """

    def __init__(self, most: int, length: int, alpha: float, *, by_time: bool) -> None:
        self.most, self.length, self.alpha, self.by_time = most, length, alpha, by_time
        self.period = -1
        self.n_rows = self.n_rows_before = self.n_flagged = 0

    def flags(
        self, p_values: NDArray[np.float64], first_row: int, times: NDArray[np.int64] | None
    ) -> NDArray[np.bool_]:
        """Whether each row is flagged; they come one after the other."""
        clock = np.arange(first_row, first_row + len(p_values))
        if self.by_time and times is not None:
            clock = times
        flagged = np.zeros(len(p_values), dtype=bool)
        for i, period in enumerate((clock // self.length).tolist()):
            flagged[i] = self._flags(float(p_values[i]), period)
        return flagged

    def _flags(self, p_value: float, period: int) -> bool:
        if period != self.period:
            follows = period == self.period + 1  # else the period before was empty: no guide
            self.n_rows_before = self.n_rows if follows or not self.n_rows_before else 0
            self.period, self.n_rows, self.n_flagged = period, 0, 0
        self.n_rows += 1
        expected = self.n_rows_before if self.by_time else self.length
        limit = min(self.alpha, self.most / expected) if expected else self.alpha
        is_flagged = p_value <= limit and self.n_flagged < self.most
        self.n_flagged += is_flagged
        return is_flagged
