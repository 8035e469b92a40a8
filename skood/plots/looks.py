"""Looks of sets and lines that differ in hue, in brightness and in pattern.

The colours of Okabe and Ito differ for colour-blind readers too. Hatches and dashes show in a grey
printout.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import NamedTuple

_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#555555")
_HATCHES = ("", "////", "....", r"\\\\", "xxxx", "----", "++++")
_DASHES = ("-", "--", "-.", ":", (0, (7, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

GUIDE = "#777777"  # thin guide lines
INK = "#333333"


class Look(NamedTuple):
    """Colour, hatch, dashes and marker of a set or a line."""

    colour: str
    hatch: str
    dashes: str | tuple[int, tuple[int, ...]]
    marker: str


def looks(n: int) -> list[Look]:
    """The first n looks; they repeat after seven."""
    parts = (islice(cycle(part), n) for part in (_COLOURS, _HATCHES, _DASHES, _MARKERS))
    return [Look(*look) for look in zip(*parts, strict=True)]
