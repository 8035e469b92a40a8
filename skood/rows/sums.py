"""A fit by sums over parts of the rows, which may be on different machines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class SumsPlan(NamedTuple):
    """The plan of a fit in one pass over parts of the rows.

    ``of_part(X, *arguments[i])`` is called where part i is. The results are merged by their method
    `merged`, neighbouring parts first. ``finish`` takes the sums of all parts.
    """

    of_part: Callable[..., Any]
    arguments: Sequence[tuple[Any, ...]]
    finish: Callable[[Any], None]


class FitsBySums(ABC):
    """An estimator that sums over parts of its rows can fit."""

    def plan_sums(self, head: Any, sizes: Sequence[int], y: Any = None) -> SumsPlan | None:
        """Begin a fit by sums over parts of the rows; `head` are the first rows.

        Parameters
        ----------
        head : array-like of shape (m, n_features)
            Some rows, for their type and columns.
        sizes : sequence of int
            Number of rows of each part.
        y : array-like of shape (n_samples,), optional
            Class labels of all rows.

        Returns
        -------
        SumsPlan or None
            None for less than 2 rows, if the fit does not use sums, or if these exceed the working
            memory.
        """
        return self._plan_sums(head, sizes, y) if sum(sizes) >= 2 else None

    @abstractmethod
    def _plan_sums(self, head: Any, sizes: Sequence[int], y: Any) -> SumsPlan | None:
        """The plan for 2 rows or more."""
