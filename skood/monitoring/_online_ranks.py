"""Ranks of new values among all earlier values, as numbers that are uniform without a change.

A value is compared with the values of the calibration rows and of all earlier rows of the stream.
Only their counts are kept. With c of n values below it and t at the same place, the number is (c +
U (t + 1)) / (n + 1), U uniform: as long as the rows are exchangeable, these numbers are uniform and
independent of each other (Vovk, Gammerman & Shafer 2005, theorem 8.2). Of n calibration scores the
n + 1 gaps are the places: a score of the same distribution falls into each with the same
probability, so each counts as a value from the beginning, and the number is (c + U t) / n.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..measures.ties import tie_limits

_BLOCK = 64  # rows that are compared with each other at a time
_MANY = 16  # streams from which on it is quicker to take one row after the other


class OnlineRanks:
    """Counts of calibration values and earlier ones at places 0 to n_places - 1, by stream.

    `counts` (n_streams, n_places) are the counts of the calibration rows. If places are gaps, each
    gap counts as one value from the start.
    """

    def __init__(self, counts: NDArray, *, of_gaps: bool = False) -> None:
        self.counts, self.of_gaps = np.array(counts, dtype=np.int64), of_gaps

    def copy(self) -> OnlineRanks:
        """An independent copy of the counts."""
        return OnlineRanks(self.counts, of_gaps=self.of_gaps)

    def take(
        self, places: NDArray[np.intp], uniform: NDArray[np.float64], *, learn: bool
    ) -> NDArray[np.float64]:
        """The numbers of new values at places (n, n_streams), one after the other.

        With `learn`, each is counted before the next one is compared.
        """
        length = 1 if places.shape[1] > _MANY else _BLOCK
        if len(places) <= length:
            return self._block(places, uniform, learn)
        numbers = np.empty(places.shape)
        for start in range(0, len(places), length):
            part = slice(start, start + length)
            numbers[part] = self._block(places[part], uniform[part], learn)
        return numbers

    def _block(
        self, places: NDArray[np.intp], uniform: NDArray[np.float64], learn: bool
    ) -> NDArray[np.float64]:
        streams = np.arange(places.shape[1])
        up_to = self.counts.cumsum(axis=1)
        same = self.counts[streams, places]
        below = up_to[streams, places] - same
        n = up_to[:, -1]
        if learn and len(places) > 1:
            n = n + np.arange(len(places))[:, np.newaxis]
            earlier = np.tri(len(places), k=-1, dtype=bool)[:, :, np.newaxis]
            same += ((places[:, np.newaxis] == places) & earlier).sum(axis=1)
            below += ((places[:, np.newaxis] > places) & earlier).sum(axis=1)
        if learn and len(places) == 1:
            self.counts[streams, places] += 1
        elif learn:
            np.add.at(self.counts, (streams, places), 1)
        own = int(not self.of_gaps)
        return (below + uniform * (same + own)) / (n + own)


class ScoreGaps:
    """The gaps between calibration scores: a new score falls into one of n + 1.

    Its place is exchangeable with the places of the calibration scores, for any distribution: so
    each gap counts as one value. Ties are broken at random, in the same way for all new scores.
    """

    def __init__(self, scores: NDArray, unit: float | None, random: np.random.Generator) -> None:
        self.scores, self.unit = np.sort(scores), unit
        self.tie_breaks = random.random(len(scores))

    @property
    def counts(self) -> NDArray[np.int64]:
        """One for each gap."""
        return np.ones((1, len(self.scores) + 1), dtype=np.int64)

    def places(
        self, scores: NDArray, uniform: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The gap of each score, `uniform` breaks its ties with calibration scores; its p-value.

        The p-value counts ties against flagging, as the decisions of the detector do.
        """
        first, last = self._ties(scores)
        p_values = (1 + last) / (len(self.scores) + 1)
        for i in np.flatnonzero(last > first):
            first[i] += int((self.tie_breaks[first[i] : last[i]] < uniform[i]).sum())
        return first, p_values

    def _ties(self, scores: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each score, the numbers of lower calibration scores and of those not higher."""
        low, high = (scores, scores) if self.unit is None else tie_limits(scores, self.unit)
        return self.scores.searchsorted(low, "left"), self.scores.searchsorted(high, "right")
