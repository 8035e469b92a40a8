"""Columns of integers that are row numbers or ids."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .table_columns import RawColumn
from .table_numbers import EXACT

_ID_NAME = re.compile(
    r"(?:^|[\W_])(?:id|uuid|guid|index|idx|key|row|nr|no|number)$|[a-z]I[dD]$", re.IGNORECASE
)
FEW_ROWS = 20  # of fewer, an order says nothing
_SURELY_UNIQUE = 7.0  # random integers are all different with probability exp(-7) at most


def _has_integers(column: RawColumn) -> bool:
    """Whether the type or the text of numbers says that they are whole."""
    text = column.written()
    if text is None:
        return "int" in column.type_name.lower()
    return all(number.strip(" +-").isdecimal() for number in text.text_list())


def counts_rows(column: RawColumn, numbers: NDArray[np.float64]) -> str | None:
    """The reason why a column of integers identifies rows; None if it does not."""
    whole = len(numbers) >= FEW_ROWS and bool((numbers == np.floor(numbers)).all())
    if not whole or not np.isfinite(numbers).all():
        return None
    low, high = numbers.min(), numbers.max()
    is_id = _ID_NAME.search(column.name)
    if max(-low, high) >= EXACT and not (_has_integers(column) or is_id):
        return None  # each float of this size is whole
    if max(-low, high) >= EXACT:
        return f"has integers as long as {high:.0f}, which a float cannot hold exactly"
    steps = np.diff(numbers)
    if (steps > 0).all() or (steps < 0).all():
        order = "larger" if steps[0] > 0 else "smaller"
        return f"has in each row an integer {order} than in the row before, as row numbers are"
    n_pairs = len(numbers) ** 2 / 2
    dense = n_pairs / (high - low + 1) >= _SURELY_UNIQUE
    long = low >= 1e8 and len(f"{low:.0f}") == len(f"{high:.0f}")
    if (dense or long or is_id) and len(np.unique(numbers)) == len(numbers):
        return "has another integer in each row, as row numbers have"
    return None
