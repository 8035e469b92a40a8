"""Evidence against exchangeable rows, from their scores and from each column."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._bets import Bets
from ._online_ranks import OnlineRanks, ScoreGaps

_SCORE = 0.5  # the weight of the scores; the columns share the rest


class Steps(NamedTuple):
    """The contribution of some rows, row after row."""

    numbers: NDArray[np.float64]
    """Uniform while nothing changes, (n, n_streams)."""
    values: NDArray[np.float64]
    """The evidence of each stream after each row, (n, n_streams)."""


class Evidence:
    """The evidence of the scores and of the columns, as test martingales or renewed statistics.

    The alarm is raised when any stream times its weight reaches the limit. The weights sum to 1, so
    the probability that this ever happens is at most the inverse of the limit (union bound: the
    streams depend on each other). Renewed statistics of several streams are halved: the probability
    of an alarm in n rows is at most n over the limit, so the mean number of rows is at least half
    the limit.
    """

    def __init__(self, gaps: ScoreGaps, columns: Any, *, renewed: bool) -> None:
        self.gaps, self.columns, self.renewed = gaps, columns, renewed
        n_columns = 0 if columns is None else len(columns.counts)
        share = (1 - _SCORE) / max(n_columns, 1)
        weights = [_SCORE, *[share] * n_columns] if n_columns else [1.0]
        self.weights = np.array(weights) / (2 if renewed and n_columns else 1)
        self.restart()

    def restart(self) -> None:
        """Forget all rows of the stream."""
        self.scores = OnlineRanks(self.gaps.counts, of_gaps=True)
        self.cells = None if self.columns is None else OnlineRanks(np.asarray(self.columns.counts))
        self.bets = Bets(len(self.weights), renewed=self.renewed)
        self.values = np.full(len(self.weights), 0.0 if self.renewed else 1.0)

    def copy(self) -> Evidence:
        """An independent copy of the evidence."""
        other = object.__new__(Evidence)
        other.__dict__.update(self.__dict__)
        other.scores, other.bets = self.scores.copy(), self.bets.copy()
        other.cells = None if self.cells is None else self.cells.copy()
        return other

    @property
    def value(self) -> float:
        """The largest evidence of a stream times its weight."""
        return float((self.values * self.weights).max())

    def take(self, places: NDArray, uniform: NDArray[np.float64], *, learn: bool) -> Steps:
        """Add rows at these places (n, n_streams); `learn`: later rows are compared with them."""
        first = self.scores.take(places[:, :1], uniform[:, :1], learn=learn)
        numbers = first
        if self.cells is not None:
            others = self.cells.take(places[:, 1:], uniform[:, 1:], learn=learn)
            numbers = np.hstack([first, others])
        values = self.bets.take(numbers)
        self.values = values[-1]
        return Steps(numbers, values)
