"""The rows of stdin: they are kept in a file, since readers begin anew."""

from __future__ import annotations

import shutil
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...storage.temporary_folder import new_temporary_folder
from ._errors import OptionError, TableError

STDIN = Path("-")
_MARKS = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",  # the form of a file
    b"\xff\xff\xff\xff": "arrow",  # the form of a stream
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
}
_NO_TEXT = b"\xef\xbb\xbf \t\r\n"


def open_stdin(kind: str | None, opened: Callable[[Path], Any]) -> Any:
    """Copy stdin into a file and open that, which lasts as long as its reader.

    Its ending is the format `kind`, or what the first bytes tell: CSV if nothing else.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise OptionError("stdin is closed: there are no rows to read.")
    folder, remove = new_temporary_folder()
    try:
        source = opened(_copied(stream, folder / "stdin", kind))
    except BaseException:
        remove()
        raise
    weakref.finalize(source, remove)
    return source


def _copied(stream: Any, path: Path, kind: str | None) -> Path:
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        raise TableError(f"stdin cannot be copied to {path.parent}: {error.strerror}.") from error
    with path.open("rb") as file:
        first = file.read(64)
    told = next((name for mark, name in _MARKS.items() if first.startswith(mark)), None)
    if told is None:
        told = "jsonl" if first.lstrip(_NO_TEXT).startswith(b"{") else "csv"
    return path.rename(path.with_suffix(f".{kind or told}"))
