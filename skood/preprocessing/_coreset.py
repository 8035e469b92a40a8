"""Rows spread over all rows of a stream: the doubling algorithm."""

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

    A further row is held if it is further than `spacing` from all held rows. If these become too
    many, the spacing grows by a factor b, or to the least distance between two of them, and the
    later of two rows closer than that is dropped. A skipped or dropped row is within the spacing at
    that time of a row held at that time. Each spacing is at most 1/b of the next, so the row is
    within b / (b - 1) times the last spacing of a row that is held now.

    When the spacing grew to r, more than `size` rows were further apart than r / b. So for any
    `size` rows, some row is at least r / 2b away from the nearest of them. The paper's factor 2
    gives the best bound; a smaller factor holds more rows.
    """

    size: int
    rows: NDArray
    positions: NDArray[np.intp]
    spacing: float = 0.0

    @property
    def radius(self) -> float:
        """Every row so far is within this distance of a held row."""
        return self.spacing * _FACTOR / (_FACTOR - 1.0)

    def add(self, rows: NDArray, first: int) -> None:
        """Hold the rows that are needed; the first one is at position `first` of the stream."""
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
        """Rows to hold, until they are one too many, and the number of rows read."""
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
    """The first rows, up to a number, that are further than the spacing from each other."""
    taken: list[int] = []
    free = np.ones(len(rows), dtype=bool)
    for i in range(len(rows)):
        if len(taken) == most:
            break
        if free[i]:
            taken.append(i)
            later = i + 1 + np.flatnonzero(free[i + 1 :])
            this = np.full(len(later), i)
            free[later[pair_distances(rows, rows, later, this) <= spacing]] = False
    return np.array(taken, dtype=np.intp)
