"""An array with spare room, so that appending rows does not copy the rows before."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._joined_rows import joined_rows
from .place import is_stored

_SPARE = 1.5  # times the rows: each row is copied at most three times on average


class GrowingRows:
    """Room for rows, of which the first are taken.

    Several owners may hold a view of the rows taken so far. An owner of all of them appends in the
    same room, any other owner in new room. So the rows of an owner never change.
    """

    def __init__(self) -> None:
        self._room = np.empty((0, 0))
        self._taken = 0

    def appended(self, before: Any, added: Any) -> Any:
        """The rows before and the added rows: one array if both are arrays, else joined rows."""
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
