"""Rows that are spread over all that a stream has brought: the doubling algorithm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.lengths import pair_distances
from ..neighbors import ExactIndex

_BLOCK = 1024
_FACTOR = 1.25


@dataclass
class Coreset:
    """At most `size` of the rows so far, any two of them further apart than `spacing`.

    A row is taken if it is further than `spacing` from all that are held. Where that makes too
    many, the spacing grows by a factor b, or to the least distance between two of the rows, and of
    rows closer than that the later ones are dropped. A row that was passed over or dropped is
    within the spacing of then of one that was held then. With all spacings so far, of which each is
    at most 1/b of the next, it is within b / (b - 1) times the last one of a row that is held now.

    When the spacing grew to r, there were more than `size` rows further apart than r / b. So some
    row is at least r / 2b away from the nearest of any `size` rows. The factor of the paper, 2,
    gives the best bound by this; a smaller one holds more rows.
    """

    size: int
    rows: NDArray
    positions: NDArray[np.intp]
    spacing: float = 0.0

    @property
    def radius(self) -> float:
        """No row so far is further from one of those held."""
        return self.spacing * _FACTOR / (_FACTOR - 1.0)

    def add(self, rows: NDArray, first: int) -> None:
        """Look at further rows, the first of which is the one at `first` in the stream."""
        for part in slices(len(rows), _BLOCK):
            block = rows[part]
            done = 0
            while done < len(block):
                taken, upto = self._choose(block[done:])
                self.rows = np.concatenate([self.rows, block[done:][taken]])
                self.positions = np.concatenate([self.positions, first + part.start + done + taken])
                done += upto
                while len(self.rows) > self.size:
                    self._thin_out()

    def _choose(self, block: NDArray) -> tuple[NDArray[np.intp], int]:
        """Which rows to take, one after the other until there is one too many, and up to where."""
        room = self.size + 1 - len(self.rows)
        far = np.arange(len(block))
        if len(self.rows):
            nearest = ExactIndex(n_jobs=1).fit(self.rows).query(block, 1).distances[:, 0]
            far = np.flatnonzero(nearest > self.spacing)
        taken = _far_apart(block[far], self.spacing, room)
        if len(taken) < room:
            return far[taken], len(block)
        return far[taken], int(far[taken[-1]]) + 1

    def _thin_out(self) -> None:
        nearest = ExactIndex(n_jobs=1).fit(self.rows).query_training(1).distances[:, 0]
        self.spacing = max(_FACTOR * self.spacing, float(nearest.min()))
        close = np.flatnonzero(nearest <= self.spacing)
        kept = np.ones(len(self.rows), dtype=bool)
        kept[close] = False
        kept[close[_far_apart(self.rows[close], self.spacing, len(close))]] = True
        self.rows, self.positions = self.rows[kept], self.positions[kept]


def _far_apart(rows: NDArray, spacing: float, most: int) -> NDArray[np.intp]:
    """The first rows, each further than the spacing from those before it that are taken."""
    taken: list[int] = []
    free = np.ones(len(rows), dtype=bool)
    for i in range(len(rows)):
        if len(taken) == most:
            break
        if free[i]:
            taken.append(i)
            later = i + 1 + np.flatnonzero(free[i + 1 :])
            own = np.full(len(later), i)
            free[later[pair_distances(rows, rows, later, own) <= spacing]] = False
    return np.array(taken, dtype=np.intp)
