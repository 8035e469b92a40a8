"""The time of a change: the most likely time by the numbers before and after it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from ._bets import fixed_densities
from ._segments import EDGES, Segments

_OUTSIDE = 0.05  # the chance that the change began outside of the range
_FREE, _PRIOR = 0.25, 10.0  # weight of the shares that may be any, and numbers of their prior
_MASS = np.diff(EDGES)
_DENSITIES, _WEIGHTS = fixed_densities(EDGES)
_WEIGHTS = (1 - _FREE) * _WEIGHTS / _WEIGHTS.sum()


class ChangeEstimate(NamedTuple):
    """The start of a change, by `ConformalMonitor.since_`. Rows of the stream count from 0."""

    row: int
    """The first row after the change."""
    earliest: int
    """The earliest row at which it may have started."""
    latest: int
    """The latest row at which it may have started."""
    time: np.datetime64 | None = None
    """The time of `row`, if rows have times."""
    earliest_time: np.datetime64 | None = None
    """The time of `earliest`."""
    latest_time: np.datetime64 | None = None
    """The time of `latest`."""


def change_point(
    segments: Segments, stream: int, first_row: int = 0, last_row: int | None = None
) -> ChangeEstimate:
    """The most likely change of one stream between two rows: numbers are uniform before it only."""
    segments.settle()
    starts = segments.starts
    stop = len(starts) if last_row is None else int(np.searchsorted(starts, last_row, "right"))
    known = slice(min(int(np.searchsorted(starts, first_row)), stop - 1), stop)
    after = np.cumsum(segments.counts[known, stream][::-1], axis=0, dtype=np.float64)[::-1]
    chances = _log_likelihoods(after) + np.log(segments.n_rows[known])
    chances = np.exp(chances - chances.max())
    best = int(np.argmax(chances / segments.n_rows[known])) + known.start
    up_to = np.cumsum(chances) / chances.sum()
    first, last = np.searchsorted(up_to, (_OUTSIDE / 2, 1 - _OUTSIDE / 2)) + known.start
    # A segment whose last rows alone have changed looks like those before the change.
    first = max(min(first, best) - 1, known.start)
    last = min(max(last, best), stop - 1)
    return ChangeEstimate(
        int(starts[best]),
        int(starts[first]),
        int(starts[last] + segments.n_rows[last] - 1),
        _time(segments.first_time[best]),
        _time(segments.first_time[first]),
        _time(segments.last_time[last]),
    )


def _log_likelihoods(after: NDArray[np.float64]) -> NDArray[np.float64]:
    """For counts (n, n_cells) after each possible change: how much likelier than uniform numbers.

    The shares after it are those of a fixed bet, or any: then with Dirichlet's prior about uniform.
    """
    prior, n_after = _PRIOR * _MASS, after.sum(axis=1)
    anyhow = (gammaln(after + prior) - gammaln(prior) - after * np.log(_MASS)).sum(axis=1)
    anyhow += gammaln(_PRIOR) - gammaln(_PRIOR + n_after)
    fixed = after @ np.log(_DENSITIES).T + np.log(_WEIGHTS)
    together: NDArray[np.float64] = np.logaddexp(logsumexp(fixed, axis=1), anyhow + np.log(_FREE))
    return together


def _time(value: np.int64) -> np.datetime64 | None:
    time = np.datetime64(int(value), "ns")
    return None if np.isnat(time) else time
