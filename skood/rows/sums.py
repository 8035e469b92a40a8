"""A fit by sums over parts of the rows, which may lie on different machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class SumsPlan(NamedTuple):
    """How to fit an estimator by one pass over parts of its rows.

    ``of_part(X, *arguments[i])`` is called where part i is, the results are merged by their
    `merged`, neighbouring parts first, and ``finish`` takes the sums of all.
    """

    of_part: Callable[..., Any]
    arguments: Sequence[tuple[Any, ...]]
    finish: Callable[[Any], None]
