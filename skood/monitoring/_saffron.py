"""Decisions on rows at a false discovery rate over the whole stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import zeta

_CANDIDATE = 0.5  # p-values up to it are candidates: the others cost nothing
_POWER = 1.6  # levels fall with the number of rows that cost, to this power
_SCALE = float(zeta(_POWER))  # the shares of all rows sum to 1
_MOST = 1_000  # rejections that still pay: to forget old ones makes levels lower, never too high


class Saffron:
    """SAFFRON (Ramdas, Zrnic, Wainwright & Jordan 2018), with a memory of bounded size.

    Each decision has a level of its own. It falls with the number of p-values above `_CANDIDATE`
    since the beginning and since each rejection. If p-values are independent, expect up to a share
    alpha of false alarms among the rows flagged up to any time.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.n_since_start = 0
        self.n_since_first = -1  # no rejection yet
        self.n_since_others = np.zeros(0)

    def flags(self, p_values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each of these p-values is at most its level; they come one after the other."""
        return np.fromiter(map(self._flags, p_values.tolist()), dtype=bool, count=len(p_values))

    def _flags(self, p_value: float) -> bool:
        half = self.alpha / 2  # the wealth at first; the first rejection brings as much
        level = half * _share(self.n_since_start)
        if self.n_since_first >= 0:
            level += half * _share(self.n_since_first)
            if len(self.n_since_others):
                level += self.alpha * float(np.sum(_share(self.n_since_others)))
        is_flagged = bool(p_value <= min((1 - _CANDIDATE) * level, _CANDIDATE))
        if p_value > _CANDIDATE:
            self.n_since_start += 1
            self.n_since_others = self.n_since_others + 1
            if self.n_since_first >= 0:
                self.n_since_first += 1
        if is_flagged and self.n_since_first < 0:
            self.n_since_first = 0
        elif is_flagged:
            self.n_since_others = np.append(self.n_since_others, 0.0)[-_MOST:]
        return is_flagged


def _share(n_before: Any) -> Any:
    return (n_before + 1) ** -_POWER / _SCALE
