"""The recall of an approximate search, measured on training rows, and the least effort for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

HALF = 256  # rows to tune on, and as many others to measure what was reached
Search = Callable[[NDArray[np.intp], int], NDArray[np.float64]]


class RecallSample:
    """Training rows with the distances of their exact neighbours, themselves left out.

    One half is to tune on. The other tells the recall that was reached, since the half tuned on is
    flattered by the choice.

    Parameters
    ----------
    n : int
        Number of training rows, at least 2.
    k : int
        Number of neighbours that the recall is measured at, less than n.
    search_exactly : callable
        Gives the ascending distances of the k nearest other rows of training rows by position.
    random_state : RandomState
        Draws the rows.
    """

    def __init__(
        self, n: int, k: int, search_exactly: Search, random_state: np.random.RandomState
    ) -> None:
        half = min(HALF, n // 2)
        rows = random_state.choice(n, 2 * half, replace=False)
        self.k = k
        self.tuning, self.testing = rows[:half], rows[half:]
        kth = search_exactly(rows, k)[:, -1:]
        self._kth_tuning, self._kth_testing = kth[:half], kth[half:]

    def recall(self, search: Search) -> float:
        """Share of the nearest neighbours found, on rows that are not tuned on."""
        return float(self._recalls(search, self.testing, self._kth_testing).mean())

    def reaches(self, target: float, search: Search) -> bool:
        """Whether the recall is the target or more, on the rows to tune on, and not by luck."""
        recalls = self._recalls(search, self.tuning, self._kth_tuning)
        standard_error = recalls.std() / np.sqrt(len(recalls))
        return bool(recalls.mean() - 2 * standard_error >= target)

    def rough_recall(self, n_rows: int, search: Search) -> float:
        """Recall on the first few of the rows to tune on."""
        recalls = self._recalls(search, self.tuning[:n_rows], self._kth_tuning[:n_rows])
        return float(recalls.mean())

    def _recalls(
        self, search: Search, rows: NDArray[np.intp], kth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        # Told by distance: of rows at equal distance one is as right as the other.
        return (search(rows, self.k) <= kth).mean(axis=1)


def least_effort(low: int, high: int, reaches: Callable[[int], bool]) -> int:
    """The least effort that reaches the target, to about an eighth; `high` where none does.

    Efforts are doubled from `low` on, so that the search for it takes a few times what one search
    with its result takes, however large `high` is.
    """
    failed, effort = low - 1, low
    while effort < high and not reaches(effort):
        failed, effort = effort, min(high, 2 * effort)
    while effort - failed > max(1, failed // 8):
        middle = (failed + effort) // 2
        if reaches(middle):
            effort = middle
        else:
            failed = middle
    return effort
