"""Full conformal ranks: the rank of the score of a new row among the training rows.

The new row joins the training rows. Each of the n + 1 rows is then scored with itself left out. If
all rows come from one distribution, the score of the new row has every rank with the same
probability, so no row needs to be held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.ties import tie_limits
from ..rows.threads import n_threads, single_threaded_blas

_FEWEST_ROWS = 128  # for each thread


class RankCounts(NamedTuple):
    """For each new row, the numbers of training rows with a lower score and with the same score.

    There is one column for each class that is compared separately, or for each class that the new
    row may have.
    """

    lower: NDArray[np.intp]
    """(m, n_columns)"""
    ties: NDArray[np.intp]
    """(m, n_columns)"""
    sizes: NDArray[np.intp]
    """(n_columns,): number of training rows that are compared."""


def counts_by_blocks(
    count: Callable[[NDArray], RankCounts], X: NDArray, most: int, n_jobs: int | None
) -> RankCounts:
    """Counts for all rows, block by block with ``count(block)``, in several threads."""
    threads = min(n_threads(n_jobs), max(1, len(X) // _FEWEST_ROWS))
    blocks = [X[part] for part in slices(len(X), max(1, min(most, -(-len(X) // threads))))]
    if threads == 1:
        parts = [count(block) for block in blocks]
    else:
        with single_threaded_blas(), ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(count, blocks))
    return joined_counts(parts)


def joined_counts(parts: Sequence[RankCounts]) -> RankCounts:
    """The counts of blocks of new rows as those of all."""
    lower, ties = (np.concatenate(counts) for counts in list(zip(*parts, strict=True))[:2])
    return RankCounts(lower, ties, parts[0].sizes)


class ScoreRanks:
    """Ranks among training scores, if a new row changes only a few of them.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores of the training rows before a new row joins them.
    codes : ndarray of int of shape (n,) or None
        The class of each row if classes are compared separately.
    unit : float
        Scores that differ by `TIE_TOLERANCE` of this, or of the score itself, are ties.
    """

    def __init__(
        self, scores: NDArray[np.float64], codes: NDArray[np.intp] | None, unit: float
    ) -> None:
        self.codes = np.zeros(len(scores), dtype=np.intp) if codes is None else codes
        self.sizes = np.bincount(self.codes)
        self._scores, self._unit = scores, unit
        self._ordered = [np.sort(scores[self.codes == code]) for code in range(len(self.sizes))]

    def limits(
        self, scores: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and the largest score that ties with each of these."""
        return tie_limits(scores, self._unit)

    def counts(
        self,
        scores: NDArray[np.float64],
        queries: NDArray[np.intp],
        rows: NDArray[np.intp],
        changed: NDArray[np.float64],
    ) -> RankCounts:
        """Counts for new rows that change some of the training scores.

        Parameters
        ----------
        scores : ndarray of shape (m,)
            Scores of the new rows.
        queries, rows, changed : ndarray of shape (n_changed,)
            Positions of a new row and a training row, and the score of the training row once the
            new row has joined.
        """
        low, high = self.limits(scores)
        below = [np.searchsorted(ordered, low, side="left") for ordered in self._ordered]
        within = [np.searchsorted(ordered, high, side="right") for ordered in self._ordered]
        lower, not_above = np.stack(below, axis=1), np.stack(within, axis=1)
        before = self._scores[rows]
        for counts, is_counted, limits in (
            (lower, np.less, low),
            (not_above, np.less_equal, high),
        ):
            limit = limits[queries]
            is_now = is_counted(changed, limit)
            moved = np.flatnonzero(is_now != is_counted(before, limit))
            place = queries[moved], self.codes[rows[moved]]
            np.add.at(counts, place, np.where(is_now[moved], 1, -1))
        return RankCounts(lower, not_above - lower, self.sizes)


def unit_of(detector: Any, scores: NDArray[np.float64]) -> float:
    """The unit of ties: 1 for logarithms, else the median size of the training scores."""
    return float(np.median(np.abs(scores))) if detector._score_is_distance else 1.0
