"""Streams that change at a known row, in one of ten ways, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sets import N_STREAM, Draw, moving_columns

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


class Source(NamedTuple):
    """What a change takes its rows from."""

    drawn: Draw
    score: Score
    random: np.random.Generator


Change = Callable[[NDArray, Source], int | None]  # of the rows after it, in place


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
    source = Source(drawn, score, np.random.default_rng([seed, list(CHANGES).index(kind)]))
    return Stream(rows, CHANGE, CHANGES[kind](rows[CHANGE:], source))


def _odd(share: NDArray | float) -> Change:
    """Rows of other classes: `share` is the chance of each row to be one."""

    def change(after: NDArray, source: Source) -> None:
        place = np.flatnonzero(source.random.random(len(after)) < share)
        odd = source.drawn.odd
        after[place] = odd[np.resize(np.arange(len(odd)), len(place))]

    return change


def _one_column(after: NDArray, source: Source) -> int:
    """Add one standard deviation; whole numbers stay whole."""
    column = int(source.random.choice(moving_columns(source.drawn.fit)))
    values = source.drawn.fit[:, column]
    step = float(values.std())
    if (values == np.round(values)).all():
        step = max(1.0, round(step))
    after[:, column] += step
    return column


def _stuck_feed(after: NDArray, source: Source) -> None:
    """The last row before the change comes again and again."""
    after[:] = source.drawn.usual[CHANGE - 1]


def _stuck_column(after: NDArray, source: Source) -> int:
    """One column stays at its median."""
    column = int(source.random.choice(moving_columns(source.drawn.fit)))
    after[:, column] = np.quantile(source.drawn.fit[:, column], 0.5, method="lower")
    return column


def _typical(after: NDArray, source: Source) -> None:
    """Some rows give way to others that have high scores."""
    place = source.random.permutation(len(after))[: int(_MIXED * len(after))]
    scores = source.score(after)
    top = after[scores >= np.quantile(scores, _TOP)]
    after[place] = top[source.random.integers(len(top), size=len(place))]


_AFTER = np.arange(N_STREAM - CHANGE)
CHANGES: dict[str, Change] = {
    ABRUPT: _odd(1.0),
    "1 % of a new class": _odd(0.01),
    "5 % of a new class": _odd(0.05),
    "20 % of a new class": _odd(0.2),
    "gradual": _odd(_AFTER / len(_AFTER)),
    "recurring": _odd(np.where(_AFTER // BATCH % 2, 0, _PULSE)),
    ONE_COLUMN: _one_column,
    STUCK_FEED: _stuck_feed,
    STUCK_COLUMN: _stuck_column,
    TYPICAL: _typical,
}
