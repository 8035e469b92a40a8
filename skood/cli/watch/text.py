"""Whole lines of files that grow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PIECE = 1 << 22  # bytes that are taken at a time
LONGEST = 1 << 26  # bytes of a row


def header_of(path: Path, *, has_header: bool) -> bytes | None:
    """The text before the rows of a CSV file; None while it is incomplete."""
    with path.open("rb") as file:
        return header_in(iter(lambda: file.readline(LONGEST), b""), has_header=has_header)


def header_in(lines: Iterable[bytes], *, has_header: bool) -> bytes | None:
    """The first lines of these: blank ones, ``sep=;`` for a spreadsheet, and the names."""
    before = header = b""
    for line in lines:
        header += line
        if not line.endswith(b"\n"):
            return None
        text = line.removeprefix(b"\xef\xbb\xbf").strip().strip(b'"').lower()
        if text and not text.startswith(b"sep=") and _is_closed(header):
            return header if has_header else before
        if _is_closed(header):
            before = header
    return None


def next_piece(path: Path, start: int, *, quotes: bool, final: bool) -> bytes:
    """Whole rows of a file from a byte on, several MB at a time; empty if there is none.

    A row ends with its line; in CSV (`quotes`) a line can end inside of a cell. `final`: the file
    is complete, so that its last line needs no end.
    """
    most = PIECE
    with path.open("rb") as file:
        while True:
            file.seek(start)
            read = file.read(most)
            if len(read) < most and final:
                return read
            end = last_end(read, quotes=quotes)
            if end or len(read) < most:
                return read[:end]
            if most >= LONGEST:
                return read  # whose reader tells the fault
            most *= 2


def last_end(text: bytes, *, quotes: bool, before: int | None = None) -> int:
    """The place after the last row that ends in a text, before some place."""
    end = text.rfind(b"\n", 0, before) + 1
    if not quotes:
        return end
    is_open = not _is_closed(text[:end])
    while end and is_open:
        earlier = text.rfind(b"\n", 0, end - 1) + 1
        is_open ^= not _is_closed(text[earlier:end])
        end = earlier
    return end


def halves(text: bytes, *, quotes: bool) -> list[bytes]:
    """Two parts of whole rows; one if the text has a single row."""
    for middle in (len(text) // 2, len(text) - 1):  # the first row may be longer than the others
        end = last_end(text, quotes=quotes, before=middle)
        if 0 < end < len(text):
            return [text[:end], text[end:]]
    return [text]


def _is_closed(text: bytes) -> bool:
    return text.count(b'"') % 2 == 0
