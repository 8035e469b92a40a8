"""An array with room behind it, so that appending rows does not copy those before."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._joined_rows import joined_rows
from .place import is_stored

_SPARE = 1.5  # times as much room as is needed: each row is copied three times at most on average


class GrowingRows:
    """Room for rows, the first of which are taken.

    Several owners may hold a view of the rows taken so far. Only the one that holds all of them can
    go on in the same room; for any other a new one is made. So no owner's rows ever change.
    """

    def __init__(self) -> None:
        self._room = np.empty((0, 0))
        self._taken = 0

    def appended(self, before: Any, added: Any) -> Any:
        """The rows before and those added: as one array if both are arrays, else as joined."""
        if is_stored(before) or is_stored(added):
            return joined_rows(before, added)
        n = len(before) + len(added)
        is_last = before.base is self._room and len(before) == self._taken
        if not is_last or n > len(self._room):
            self._room = np.empty((int(_SPARE * n) + 1, before.shape[1]), dtype=before.dtype)
            self._room[: len(before)] = before
        self._room[len(before) : n] = added
        self._taken = n
        return self._room[:n]
