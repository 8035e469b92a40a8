"""New lines of stdin."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from skood.cli.files import OptionError, TableError

from .text import LONGEST, PIECE, header_in, last_end

_READ = 1 << 16  # bytes at a time


def pieces_of_stdin(ending: str | None, *, has_header: bool, every: float) -> Iterator[Any]:
    """The format, the text before the rows, and whole rows: those of `every` seconds at a time.

    The first letter shows the format, unless `ending` names it.
    """
    waiting: queue.Queue[bytes] = queue.Queue(64)  # the pipe holds what does not fit
    read = _reading()

    def take() -> None:
        while piece := read():
            waiting.put(piece)
        waiting.put(b"")

    threading.Thread(target=take, daemon=True, name="skood-stdin").start()
    header: bytes | None = None
    text = b""
    for more, is_last in _of_some_seconds(waiting, every):
        text += more
        if is_last and not text.endswith(b"\n"):
            text += b"\n"
        if header is None:
            first = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            ending = ending or ((".jsonl" if first == b"{" else ".csv") if first else None)
            is_csv = ending in (".csv", ".tsv")
            lines = iter(text.splitlines(keepends=True))
            header = header_in(lines, has_header=has_header) if is_csv else b"" if ending else None
            if header is None:
                continue
            text = text[len(header) :]
        end = last_end(text, quotes=is_csv)
        if end:
            yield ending, header, text[:end]
            text = text[end:]
        if len(text) > LONGEST:
            raise TableError(f"stdin has a row that is longer than {LONGEST:,} bytes.")
    if text.strip():
        raise TableError("stdin ends within a row: a quote is not closed.")


def _reading() -> Callable[[], bytes]:
    """Read the new bytes, from the file behind Python's buffer.

    A thread that waits within the buffer holds its lock, and Python aborts at its end without it.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise OptionError("stdin is closed: there are no rows to read.")
    try:
        number = stream.fileno()
    except OSError:  # no file, as in a notebook
        return lambda: stream.read(_READ)
    return lambda: os.read(number, _READ)


def _of_some_seconds(waiting: queue.Queue[bytes], every: float) -> Iterator[tuple[bytes, bool]]:
    """The new bytes, every few seconds or when there are many, and whether they are the last."""
    while True:
        parts = [waiting.get()]
        end, size = time.monotonic() + every, len(parts[0])
        while parts[-1] and size < PIECE and (left := end - time.monotonic()) > 0:
            try:
                parts.append(waiting.get(timeout=left))
            except queue.Empty:
                break
            size += len(parts[-1])
        yield b"".join(parts), not parts[-1]
        if not parts[-1]:
            return
