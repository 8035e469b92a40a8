"""The bytes and the text of a file, decompressed as they are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._errors import TableError

# The last one begins the files of parallel compressors.
_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x50\x2a\x4d\x18": "zstd"}
_ENDINGS = (".gz", ".zst")
# Tables of text shrink to a hundredth at best. A file that shrinks more may fill the memory.
_SUSPECT, _MOST = 1 << 26, 250  # bytes, and times its size
_LONGEST = 1 << 24  # characters of a line


def without_codec(name: str) -> str:
    """The name of a file without its ending for the compression."""
    return name[: name.rfind(".")] if Path(name).suffix.lower() in _ENDINGS else name


def codec_of(path: Path) -> str | None:
    """The compression of a file, by its first bytes; None without one."""
    with path.open("rb") as file:
        first = file.read(4)
    return next((codec for mark, codec in _CODECS.items() if first.startswith(mark)), None)


class ByteStream(io.RawIOBase):
    """The bytes of a file, decompressed."""

    def __init__(self, path: Path, name: str) -> None:
        import pyarrow as pa

        self._name, self._codec = name, codec_of(path)
        self._packed = self._stream = pa.OSFile(str(path))
        if self._codec is not None:
            self._stream = pa.CompressedInputStream(self._packed, self._codec)
        self._n_read = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer.

        Raises
        ------
        TableError
            If the file is damaged, or its rows are many times its size.
        """
        try:
            n = int(self._stream.readinto(buffer))
        except OSError as error:
            if self._codec is None:
                raise
            fault = "cut short" if "runcated" in str(error) else f"no {self._codec} file"
            raise TableError(f"{self._name} is damaged: it is {fault}.") from error
        self._n_read += n
        if self._codec is not None and self._n_read > max(_SUSPECT, _MOST * self._packed.tell()):
            raise TableError(
                f"{self._name} expands to more than {_MOST} times its size, which may fill the "
                "memory: if you trust it, decompress it first."
            )
        return n

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._stream.close()
            self._packed.close()
        super().close()

    @property
    def n_packed(self) -> int:
        """The number of bytes of the file that are read."""
        return int(self._packed.tell())


def first_bytes(path: Path, name: str, length: int) -> tuple[bytes, int]:
    """The first bytes, and how many bytes of the file they are."""
    with io.BufferedReader(ByteStream(path, name)) as file:
        return file.read(length), file.raw.n_packed


@contextmanager
def text_lines(path: Path, name: str, encoding: str, newline: str | None) -> Iterator[Iterator]:
    """The lines of a text. Characters of another encoding are replaced: the reader reports them.

    A file without line ends is refused, before it fills the memory.
    """
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    raw = io.BufferedReader(ByteStream(path, name))
    with io.TextIOWrapper(raw, encoding=encoding, newline=newline, errors="replace") as file:
        yield _lines(file, name)


def _lines(file: io.TextIOWrapper, name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST), ""), start=1):
        if len(line) == _LONGEST:
            raise TableError(f"Line {number:,} of {name} is longer than {_LONGEST:,} characters.")
        yield line
