"""The rows on disk that a saved estimator may read: those that the caller of `skood.load` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import Any

from ._mapped_rows import MappedRows
from ._stored_rows import NAMED_ROWS
from .open_rows import as_stored_rows, open_rows


@contextmanager
def rows_named_by(given: Mapping[str, Any]) -> Iterator[list[str]]:
    """Read rows on disk from `given`, and from nowhere else, while an estimator is rebuilt.

    Parameters
    ----------
    given : mapping of str to path or array
        For a path in the file, where its rows are: a path for `open_rows`, or an open array.

    Yields
    ------
    list of str
        The paths in the file, as they are met. Rows of a path that `given` lacks stay closed.

    Raises
    ------
    ValueError
        In the block, if rows have another shape than those that the file was saved with.
    """
    met: list[str] = []

    def named(stored: Any, path: str) -> Any:
        if path not in met:
            met.append(path)
        if path not in given:
            return None
        where = given[path]
        if isinstance(where, str | PathLike):
            where = open_rows(where, columns=getattr(stored, "_names", None))
        rows = as_stored_rows(where)
        rows = MappedRows(where) if rows is None else rows
        if rows.shape != stored.shape:
            raise ValueError(
                f"The rows for {path!r} must have the shape {stored.shape}. Got {rows.shape} "
                "instead."
            )
        return rows.astype(stored.dtype)

    token = NAMED_ROWS.set(named)
    try:
        yield met
    finally:
        NAMED_ROWS.reset(token)
