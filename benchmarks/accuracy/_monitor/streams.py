"""Streams that change at a known row, in one of ten ways, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sets import Draw, moving_columns

CHANGE = 800  # the first row after the change
BATCH = 200
NONE = "no change"
ABRUPT = "abrupt"
ONE_COLUMN = "one column"
STUCK_FEED = "stuck feed"
STUCK_COLUMN = "stuck column"
TYPICAL = "too typical"
_MIXED = 0.3  # share of the rows after the change that are too typical
_TOP = 0.75  # they are drawn above this quantile of the scores
_PULSE = 0.2  # share of odd rows in every other batch of a change that recurs

Score = Callable[[NDArray], NDArray]
Change = Callable[[NDArray, Draw, Score, np.random.Generator], int | None]


class Stream(NamedTuple):
    """Rows in their order."""

    rows: NDArray[np.float64]
    """(n, d)."""
    change: int | None
    """The first row after the change."""
    column: int | None
    """The only column that changes."""


def make_stream(kind: str, drawn: Draw, score: Score, seed: int) -> Stream:
    """A stream of the kind; `score` tells which rows are typical."""
    if kind == NONE:
        return Stream(drawn.usual, None, None)
    rows = drawn.usual.copy()
    rng = np.random.default_rng([seed, list(CHANGES).index(kind)])
    return Stream(rows, CHANGE, CHANGES[kind](rows[CHANGE:], drawn, score, rng))


def _odd(share: Callable[[int], NDArray | float]) -> Change:
    """Rows of other classes: `share` of n rows is the chance of each to be one."""

    def change(after: NDArray, drawn: Draw, score: Score, rng: np.random.Generator) -> None:
        place = np.flatnonzero(rng.random(len(after)) < share(len(after)))
        after[place] = drawn.odd[np.resize(np.arange(len(drawn.odd)), len(place))]

    return change


def _pulses(n: int) -> NDArray:
    return np.where(np.arange(n) // BATCH % 2, 0, _PULSE)


def _one_column(after: NDArray, drawn: Draw, score: Score, rng: np.random.Generator) -> int:
    """Add one standard deviation; whole numbers stay whole."""
    column = int(rng.choice(moving_columns(drawn.fit)))
    values = drawn.fit[:, column]
    step = float(values.std())
    if (values == np.round(values)).all():
        step = max(1.0, round(step))
    after[:, column] += step
    return column


def _stuck_feed(after: NDArray, drawn: Draw, score: Score, rng: np.random.Generator) -> None:
    """The last row before the change comes again and again."""
    after[:] = drawn.usual[CHANGE - 1]


def _stuck_column(after: NDArray, drawn: Draw, score: Score, rng: np.random.Generator) -> int:
    """One column stays at its median."""
    column = int(rng.choice(moving_columns(drawn.fit)))
    after[:, column] = np.quantile(drawn.fit[:, column], 0.5, method="lower")
    return column


def _typical(after: NDArray, drawn: Draw, score: Score, rng: np.random.Generator) -> None:
    """Some rows give way to others that have high scores."""
    place = rng.permutation(len(after))[: int(_MIXED * len(after))]
    scores = score(after)
    top = after[scores >= np.quantile(scores, _TOP)]
    after[place] = top[rng.integers(len(top), size=len(place))]


CHANGES: dict[str, Change] = {
    ABRUPT: _odd(lambda n: 1.0),
    "1 % of a new class": _odd(lambda n: 0.01),
    "5 % of a new class": _odd(lambda n: 0.05),
    "20 % of a new class": _odd(lambda n: 0.2),
    "gradual": _odd(lambda n: np.arange(n) / n),
    "recurring": _odd(_pulses),
    ONE_COLUMN: _one_column,
    STUCK_FEED: _stuck_feed,
    STUCK_COLUMN: _stuck_column,
    TYPICAL: _typical,
}
