"""The encoding of a text: by its first bytes, or the likely one of a text that is not UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from ...preprocessing.table_findings import Finding, Remedy, shortened

UTF_8 = ("utf-8", "utf-8-sig")
# Those of UTF-32 begin as those of UTF-16 do.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
_LIKELY = ("cp1252", "cp850")  # of spreadsheets in Western Europe; the second has all bytes
_AROUND = 40  # bytes
_CELL = re.compile(r"[^\s,;|\"]*")


def marked_encoding(head: bytes) -> str | None:
    """The encoding of the byte order mark of a text."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def is_utf_8(head: bytes) -> bool:
    """Whether the beginning of a text has letters of UTF-8, which is no chance."""
    return not head.isascii() and not foreign_bytes([head], ends=False)


def foreign_bytes(pieces: Iterable[bytes], *, ends: bool = True) -> bytes:
    """The first bytes that are not UTF-8, with the bytes around them; none if all are UTF-8.

    The last piece may end within a letter, unless it `ends` the text.
    """
    decoder, before = codecs.getincrementaldecoder("utf-8")(), b""
    for piece in pieces:
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            held = before + piece  # the decoder has kept the begin of a letter
            place = max(0, len(held) - len(error.object) + error.start)
            return held[max(0, place - _AROUND) : place + _AROUND]
        before = piece[-_AROUND:]
    try:
        decoder.decode(b"", final=ends)
    except UnicodeDecodeError:
        return before
    return b""


def likely_encoding(foreign: bytes) -> tuple[str, Finding]:
    """The likely encoding of these bytes, and the question to its user."""
    for name in _LIKELY:
        try:
            text = foreign.decode(name)
        except UnicodeDecodeError:
            continue
        break
    cells = _CELL.findall(text)
    odd = next((cell for cell in cells if not cell.isascii()), text.strip())
    shown = f"is not encoded as utf-8, and reads {shortened(odd)!r} as {name}"
    remedies = (Remedy("name this encoding", "encoding", name), Remedy("name another one", "", ""))
    return name, Finding("", shown, remedies)
