"""Rows of files as the monitor takes them, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skood.cli.files import (
    ColumnRoles,
    ReadingOptions,
    TableError,
    block_length,
    check_named_columns,
    without_gaps,
)
from skood.storage.temporary_folder import new_temporary_folder

from .._fitted import Fitted
from .._inputs import open_input, told_with_doubt
from .._matching import matched
from .._speaking import Voice

_ALL = 1 << 62  # rows in one block


class ColumnsError(TableError):
    """A file has other columns than the training rows, or none."""


class Batch(NamedTuple):
    """Consecutive rows of a file from row `start` on, and when each came."""

    rows: Any
    times: Any
    start: int


@dataclass(frozen=True)
class RowReader:
    """Reads rows for a detector. `timestamps` is the column that says when rows came."""

    fitted: Fitted
    reading: ReadingOptions
    roles: ColumnRoles
    timestamps: str | None
    voice: Voice

    def open(self, path: Path, name: str, *, quiet: bool = False) -> tuple[Any, Fitted]:
        """Open a file, and find its columns in those of the detector.

        Raises
        ------
        ValueError
            If it cannot be read as such rows.
        """
        voice = replace(self.voice, quiet=True) if quiet else self.voice
        source = open_input(path, self.reading, voice, images=False, name=name)
        own = (self.roles.id_column,) if self.roles.id_column and self.timestamps else ()
        roles = replace(
            self.roles,
            id_column=self._beside or self.roles.id_column,
            exclude=(*self.roles.exclude, *own),
        )
        with told_with_doubt(source):
            if source.columns is not None:
                check_named_columns(name, "--exclude", self.roles.exclude, source.columns)
                times = [self.timestamps] if self.timestamps else []
                check_named_columns(name, "--timestamps", times, source.columns)
            return source, matched(self.fitted, source, roles, self.reading, voice)

    def batches(self, source: Any, fitted: Fitted, n_known: int = 0) -> Iterator[Batch]:
        """The rows after the known ones, in batches."""
        length = block_length(fitted.layout.width)
        first = n_known // length * length
        blocks = source.blocks(fitted.layout, length, first)
        for block in without_gaps(blocks, source.name, missing=fitted.fills_missing):
            start = max(0, n_known - block.start)
            if start < len(block):
                yield self._batch(fitted, block, start)

    def whole(self, path: Path, name: str, *, quiet: bool) -> Batch | None:
        """All rows of a small file as one batch; None if it has no rows."""
        try:
            source, fitted = self.open(path, name, quiet=quiet)
        except TableError as error:
            raise ColumnsError(str(error)) from error
        blocks = source.blocks(fitted.layout, _ALL)
        checked = without_gaps(blocks, source.name, missing=fitted.fills_missing)
        return next((self._batch(fitted, block, 0) for block in checked), None)

    def lines(self, text: bytes, ending: str, name: str, *, quiet: bool) -> Batch | None:
        """The rows of some lines, the names of the columns before them."""
        folder, remove = new_temporary_folder()
        try:
            path = folder / f"lines{ending}"
            path.write_bytes(text)
            return self.whole(path, name, quiet=quiet)
        finally:
            remove()

    @property
    def _beside(self) -> str | None:
        """The column of times, if it is no feature: blocks have one column beside the features."""
        return None if self.timestamps in self.fitted.layout.features else self.timestamps

    def _batch(self, fitted: Fitted, block: Any, start: int) -> Batch:
        rows = block.rows.to_numpy() if fitted.by_position else block.rows
        times = None
        if self._beside is not None:
            times = block.ids.to_numpy(zero_copy_only=False)
        elif self.timestamps is not None:
            times = block.rows[self.timestamps]
        part = slice(start, None)
        rows = rows.iloc[part] if hasattr(rows, "iloc") else rows[part]
        return Batch(rows, None if times is None else times[part], block.start + start)


def digest(rows: Any, start: int) -> int:
    """Checksum of rows from row `start` of a file on; those of its parts sum up to that of all."""
    import pandas as pd

    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows.reshape(len(rows), -1))
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy(np.uint64)
    places = 2 * np.arange(start, start + len(rows), dtype=np.uint64) + np.uint64(1)
    return int((hashes * places).sum(dtype=np.uint64))
