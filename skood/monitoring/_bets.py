"""Bets against uniform numbers: a test martingale for each of several streams.

A bet is a density on (0, 1), constant in the cells of `EDGES`: each number multiplies its capital
by the density there. The capital keeps its mean while the numbers are uniform and independent. Most
bets are fixed; the adaptive ones follow the shares of recent numbers in the cells.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import beta

# Narrow cells at both ends, for few rows far out, and as many between as are told apart.
_ENDS = 2.0 ** -np.arange(10, 5, -1)
EDGES = np.concatenate([[0.0], _ENDS, np.arange(1, 24) / 24, 1 - _ENDS[::-1], [1.0]])
_MASS = np.diff(EDGES)
# Fixed bets: a share of numbers in a narrow low tail; beta densities for low numbers, high ones,
# and those in the middle or at both ends; none at an end. Each family shares its capital.
_TAILS = ((0.01, 2.0**-8), (0.05, 2.0**-8), (0.05, 2.0**-5), (0.2, 2.0**-5))
_LOW = ((0.15, 1.0), (0.4, 1.0), (0.7, 1.0), (1.0, 1.5), (1.0, 3.0))
_HIGH = ((1.0, 0.4), (1.0, 0.7), (1.5, 1.0), (3.0, 1.0))
_SPREAD = ((2.0, 2.0), (8.0, 8.0), (0.6, 0.6))
_GAPS = ((1, 0), (0, 1), (1, 1), (3, 0), (0, 3), (3, 3))  # missing at both ends, in 24ths
_CAPITAL = (0.23, 0.23, 0.16, 0.08, 0.1, 0.2)
_UNIFORM = 0.05  # share of uniform density in each fixed bet: no number takes all of its capital
# Adaptive bets: how many numbers each remembers, and how many cells it takes as one.
_MEMORIES = ((40.0, 1), (300.0, 4), (3000.0, 4))
_PRIOR = 10.0  # numbers that an adaptive bet believes to have seen before, all uniform
_SLOW = 100.0  # numbers after which the idle capital has fallen to 0.59
_BLOCK = 64  # numbers whose product neither overflows nor vanishes: factors are 0.05 to 1,024
_MOST = 1e100
_MANY = 16  # streams from which on it is quicker to take one number after the other


def fixed_densities(edges: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean density of each fixed bet in cells with these edges, and its capital."""
    rows = [(1 - share) * edges + share * np.minimum(edges / width, 1) for share, width in _TAILS]
    rows += [beta.cdf(edges, a, b) for a, b in (*_LOW, *_HIGH, *_SPREAD)]
    rows += [np.clip((24 * edges - low) / (24 - low - high), 0, 1) for low, high in _GAPS]
    densities = (1 - _UNIFORM) * np.diff(rows, axis=1) / np.diff(edges) + _UNIFORM
    return densities, _weights()[: len(densities)]


def _weights() -> NDArray[np.float64]:
    sizes = [len(family) for family in (_TAILS, _LOW, _HIGH, _SPREAD, _GAPS, _MEMORIES)]
    return np.repeat(np.divide(_CAPITAL, sizes), sizes)


_FIXED = np.ascontiguousarray(fixed_densities(EDGES)[0].T)
_WEIGHTS, _N_FIXED = _weights(), _FIXED.shape[1]
# The cells of all adaptive bets, one after the other: their mass and memory, and those of a number.
_STARTS = [np.arange(0, len(_MASS), width) for _, width in _MEMORIES]
_WIDE_MASS = np.concatenate([np.add.reduceat(_MASS, starts) for starts in _STARTS])
_LENGTHS = np.array([memory for memory, _ in _MEMORIES])
_KEEP = np.repeat(1 - 1 / _LENGTHS, [len(starts) for starts in _STARTS])
_OFFSETS = np.cumsum([0, *map(len, _STARTS)])
_JOINED = np.stack(
    [np.arange(len(_MASS)) // width + _OFFSETS[k] for k, (_, width) in enumerate(_MEMORIES)],
    axis=1,
)


class Bets:
    """The capital of the bets on each of `n_streams` streams, which all start at 1.

    All capital is idle at first. At each number a part of it joins the bets, in shares that fall
    slowly: whenever a change comes, some capital is left. The sum is a test martingale: with
    probability 1 - alpha it never reaches 1 / alpha. With `renewed`, each number brings new capital
    of 1 instead, and the idle capital does not count: the statistic of Shiryaev and Roberts, whose
    mean after t numbers is t.
    """

    def __init__(self, n_streams: int, *, renewed: bool = False) -> None:
        self.renewed = renewed
        self.n_numbers = 0
        self.capital = np.zeros((n_streams, len(_WEIGHTS)))
        self.counts = np.zeros((n_streams, len(_KEEP)))  # of adaptive bets, in all of their cells

    def copy(self) -> Bets:
        """An independent copy of the bets."""
        other = Bets(0, renewed=self.renewed)
        other.n_numbers, other.capital = self.n_numbers, self.capital.copy()
        other.counts = self.counts.copy()
        return other

    def take(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bet on numbers (n, n_streams) in [0, 1); the capital of each stream after each number."""
        if len(numbers) == 1 or numbers.shape[1] > _MANY:
            return np.stack([self._one(row) for row in numbers])
        blocks = range(0, len(numbers), _BLOCK)
        return np.concatenate([self._block(numbers[i : i + _BLOCK]) for i in blocks])

    def _block(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        n, n_before = len(numbers), self.n_numbers
        self.n_numbers += n
        idle = _idle(np.arange(n_before, n_before + n + 1))
        joining = np.ones(n) if self.renewed else idle[:-1] - idle[1:]
        joins = joining[:, np.newaxis, np.newaxis] * _WEIGHTS
        product = np.cumprod(self._factors(_cells(numbers), n_before), axis=0)
        before = np.concatenate([np.ones_like(product[:1]), product[:-1]])
        after = product * (self.capital + np.cumsum(joins / before, axis=0))
        self.capital = np.minimum(after[-1], _MOST)
        total = after.sum(axis=2)
        return np.minimum(total if self.renewed else total + idle[1:, np.newaxis], _MOST)

    def _factors(self, cells: NDArray[np.intp], n_before: int) -> NDArray[np.float64]:
        """The density of each bet (n, n_streams, n_bets) at each number."""
        factors = np.empty((*cells.shape, len(_WEIGHTS)))
        factors[..., :_N_FIXED] = _FIXED[cells]
        joined = _JOINED[cells]
        seen = np.empty(joined.shape)
        for k in range(len(_MEMORIES)):
            part = slice(_OFFSETS[k], _OFFSETS[k + 1])
            places = np.arange(_OFFSETS[k], _OFFSETS[k + 1])
            is_there = (joined[..., k, np.newaxis] == places).astype(float)
            keep, before = float(_KEEP[part][0]), self.counts[np.newaxis, :, part]
            after, _ = lfilter([1.0], [1.0, -keep], is_there, axis=0, zi=keep * before)
            counts = np.concatenate([before, after[:-1]])
            index = joined[..., k, np.newaxis] - _OFFSETS[k]
            seen[..., k] = np.take_along_axis(counts, index, axis=2)[..., 0]
            self.counts[:, part] = after[-1]
        n_seen = _remembered(n_before + np.arange(len(cells))[:, np.newaxis])
        factors[..., _N_FIXED:] = _density(seen, n_seen[:, np.newaxis], _WIDE_MASS[joined])
        return factors

    def _one(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for one number of each stream: quicker, and writes into the arrays."""
        n, cells = self.n_numbers, _cells(numbers)
        self.n_numbers += 1
        factors = np.empty(self.capital.shape)
        factors[:, :_N_FIXED] = _FIXED[cells]
        joined = _JOINED[cells]
        places = np.arange(len(numbers))[:, np.newaxis], joined
        seen = self.counts[places]
        factors[:, _N_FIXED:] = _density(seen, _remembered(n), _WIDE_MASS[joined])
        self.counts *= _KEEP
        self.counts[places] += 1
        left = _idle(float(n + 1))
        self.capital += (1.0 if self.renewed else _idle(float(n)) - left) * _WEIGHTS
        self.capital *= factors
        np.minimum(self.capital, _MOST, out=self.capital)
        total = self.capital.sum(axis=1)
        return np.minimum(total if self.renewed else total + left, _MOST)


def _cells(numbers: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.searchsorted(EDGES, numbers, side="right") - 1


def _density(seen: Any, n_seen: Any, mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """The density of an adaptive bet in a cell of this mass, with this part of its numbers."""
    density: NDArray[np.float64] = (seen / mass + _PRIOR) / (n_seen + _PRIOR)
    return density


def _remembered(n_numbers: Any) -> NDArray[np.float64]:
    """How many numbers count in the memory of each adaptive bet."""
    remembered: NDArray[np.float64] = _LENGTHS * (1 - (1 - 1 / _LENGTHS) ** n_numbers)
    return remembered


def _idle(n_numbers: Any) -> Any:
    """The share of the capital that is idle: it falls with the logarithm of time."""
    log = math.log if isinstance(n_numbers, float) else np.log  # NumPy's is slow for one number
    return 1 / (1 + log(1 + n_numbers / _SLOW))
