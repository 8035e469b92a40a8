"""The recall of an approximate search on training rows, and the least effort that reaches it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

HALF = 256  # rows to tune on, and the number of other rows to measure the recall on
Search = Callable[[NDArray[np.intp], int], NDArray[np.float64]]


class RecallSample:
    """Training rows, and the distances of their exact neighbours, each row itself left out.

    The effort is tuned on one half. The recall is measured on the other half, because tuning raises
    it on the first. `search_exactly` gives the ascending distances of the k nearest other rows of
    some positions.
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
        """Share of the nearest neighbours found, on the rows that did not tune the effort."""
        return float(self._recalls(search, self.testing, self._kth_testing).mean())

    def reaches(self, target: float, search: Search) -> bool:
        """Whether the recall on the tuning rows reaches the target by two standard errors."""
        recalls = self._recalls(search, self.tuning, self._kth_tuning)
        standard_error = recalls.std() / np.sqrt(len(recalls))
        return bool(recalls.mean() - 2 * standard_error >= target)

    def rough_recall(self, n_rows: int, search: Search) -> float:
        """Recall on the first `n_rows` of the tuning rows."""
        recalls = self._recalls(search, self.tuning[:n_rows], self._kth_tuning[:n_rows])
        return float(recalls.mean())

    def _recalls(
        self, search: Search, rows: NDArray[np.intp], kth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        # By distance: all rows at one distance are equally right.
        return (search(rows, self.k) <= kth).mean(axis=1)


def least_effort(low: int, high: int, reaches: Callable[[int], bool]) -> int:
    """The least effort that reaches the target, to about an eighth; `high` if none does.

    Efforts are doubled from `low` on. So finding the effort takes a few times as long as a search
    with it, for any `high`.
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
