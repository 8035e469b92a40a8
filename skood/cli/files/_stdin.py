"""The rows of stdin and of pipes, kept in a file, because readers read them twice."""

from __future__ import annotations

import contextlib
import shutil
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...storage.temporary_folder import new_temporary_folder
from ._errors import OptionError, TableError
from ._streams import first_bytes

STDIN = Path("-")
_MARKS = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",  # the form of a file
    b"\xff\xff\xff\xff": "arrow",  # the form of a stream
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
}
_NO_TEXT = b"\xef\xbb\xbf \t\r\n"


def is_read_once(path: Path) -> bool:
    """Whether a path is stdin or a pipe, such as the ``<(...)`` of shells."""
    return path == STDIN or path.is_fifo()


def open_read_once(path: Path, kind: str | None, opened: Callable[[Path], Any]) -> Any:
    """Copy stdin or a pipe into a file and open the copy, which lasts as long as its reader.

    Its ending is the format `kind`, or the format of the first bytes, by default CSV.
    """
    folder, remove = new_temporary_folder()
    try:
        with contextlib.ExitStack() as stack:
            stream = _stdin() if path == STDIN else stack.enter_context(path.open("rb"))
            copy = _copied(stream, folder / name_of(path), kind)
        source = opened(copy)
    except BaseException:
        remove()
        raise
    weakref.finalize(source, remove)
    return source


def name_of(path: Path) -> str:
    """The name of the rows in messages."""
    return "stdin" if path == STDIN else path.name


def _stdin() -> Any:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise OptionError("stdin is closed: there are no rows to read.")
    return stream


def _copied(stream: Any, path: Path, kind: str | None) -> Path:
    """The copy, with the ending of its format."""
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        raise TableError(
            f"{path.name} cannot be copied to {path.parent}: {error.strerror}."
        ) from error
    first, _ = first_bytes(path, path.name, 64)
    told = next((name for mark, name in _MARKS.items() if first.startswith(mark)), None)
    if told is None:
        told = "jsonl" if first.lstrip(_NO_TEXT).startswith(b"{") else "csv"
    return path.rename(path.with_name(f"rows.{kind or told}"))
