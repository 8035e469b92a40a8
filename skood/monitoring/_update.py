"""The result of `ConformalMonitor.update` for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class MonitorUpdate(NamedTuple):
    """The rows of one `ConformalMonitor.update`."""

    first_row: int
    """The number of the first row in the stream, from 0."""
    scores: NDArray[np.float64]
    """Higher = more in-distribution."""
    p_values: NDArray[np.float64]
    """The probability that an in-distribution row scores at most as high."""
    flagged: NDArray[np.bool_]
    """The decision on each row."""
    e_value: float
    """The evidence of a change after these rows."""
    alarm: bool
    """Whether these rows raised an alarm."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.scores)


def joined_updates(updates: Sequence[MonitorUpdate]) -> MonitorUpdate:
    """One update for the rows of several consecutive updates."""
    return MonitorUpdate(
        updates[0].first_row,
        np.concatenate([update.scores for update in updates]),
        np.concatenate([update.p_values for update in updates]),
        np.concatenate([update.flagged for update in updates]),
        updates[-1].e_value,
        any(update.alarm for update in updates),
    )
