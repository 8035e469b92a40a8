"""A zip file that is written whole, names its kind, and shows the change of a single byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from ._bounds import check_members, parsed
from .guard import one_sentence
from .whole_file import written_whole

# The first member of the zip file, not compressed: so the first bytes of a file show its kind, as
# in OpenDocument and EPUB.
_KIND_MEMBER, _KIND = "mimetype", b"application/x-skood"
_KIND_PLACE = 30  # bytes of a zip member's header before its name
_MANIFEST = "manifest.json"
_FORMAT = re.compile(r"\d{1,4}\.\d{1,4}")
_VERSION = re.compile(r"[\w.+!-]{1,50}")
# The zip file's comment is its last part: the checksum of all bytes before it. A zip file's own
# checksums leave out names, times and sizes.
_SEAL = re.compile(rb"sha256:([0-9a-f]{64})")
_SEAL_LENGTH = len("sha256:") + 64
_BLOCK = 1 << 20
_FIRST_YEAR = 1980  # of zip files
_WAIT = 10.0  # seconds: of several processes that save one estimator the last one remains


class NewContainer:
    """A container that is being written."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._digests: dict[str, str] = {}
        archive.writestr(_KIND_MEMBER, _KIND)

    @contextmanager
    def member(self, name: str) -> Iterator[_HashingWriter]:
        """Open a new member for writing."""
        with self._archive.open(name, "w", force_zip64=True) as file:
            writer = _HashingWriter(file)
            yield writer
        self._digests[name] = writer.hexdigest()

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, the last member, with the checksums of the others in it."""
        text = json.dumps({**manifest, "members": self._digests}, indent=2)
        self._archive.writestr(_MANIFEST, text)


class StoredFile:
    """A whole container, open for reading."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self.manifest: dict[str, Any] = parsed(archive.read(_MANIFEST))
        _check_manifest(self.manifest)

    def read(self, name: str) -> bytes:
        """The content of a member, if it has the checksum in the manifest."""
        content = self._archive.read(name)
        if hashlib.sha256(content).hexdigest() != self.manifest["members"].get(name):
            raise ValueError(
                f"The part {name!r} of the file does not match the manifest's checksum."
            )
        return content


@contextmanager
def new_container(path: Path) -> Iterator[NewContainer]:
    """Write a container: the file appears after the block has ended without an error.

    A link is followed. An older file stays until the new one is whole.
    """
    if time.localtime().tm_year < _FIRST_YEAR:
        raise ValueError(
            f"The clock of this machine is before {_FIRST_YEAR}, and zip files hold no such times: "
            "set it."
        )
    with written_whole(path, wait=_WAIT) as temporary:
        with ZipFile(temporary, "w") as archive:
            yield NewContainer(archive)
            archive.comment = b"0" * _SEAL_LENGTH
        _seal(temporary)


@contextmanager
def open_container(path: Path) -> Iterator[StoredFile]:
    """Open a container for reading: an error if it is another kind of file, or changed since."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(  # a pipe would wait for its writer
            f"The file {str(path)!r} is not a file of skood.save: it is not a regular file."
        )
    with path.open("rb") as file:
        _check_kind(file, path)
        _check_seal(file, path)
        with one_sentence(
            f"The file {str(path)!r} has the checksum of a saved estimator, but not the parts of "
            "a saved estimator"
        ):
            archive = ZipFile(file)
            check_members(archive, file.seek(0, os.SEEK_END))
            stored = StoredFile(archive)
        with archive:
            yield stored


class _HashingWriter:
    """Passes bytes to a file, and hashes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, content: Any) -> int:
        self._hash.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _seal(path: Path) -> None:
    """Write the checksum of all bytes before the comment into the comment, and sync the file."""
    with path.open("r+b") as file:
        digest = _digest_before_seal(file)
        file.seek(-_SEAL_LENGTH, os.SEEK_END)
        file.write(b"sha256:" + digest.encode())
        file.flush()
        os.fsync(file.fileno())


def _digest_before_seal(file: IO[bytes]) -> str:
    left = file.seek(0, os.SEEK_END) - _SEAL_LENGTH
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (block := file.read(min(left, _BLOCK))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def _check_manifest(manifest: Any) -> None:
    """Raise unless the parts of the manifest that each file has are of their types."""
    texts = {"format": manifest["format"], **manifest["versions"]}
    for name, text in texts.items():
        if not (isinstance(text, str) and (_VERSION, _FORMAT)[name == "format"].fullmatch(text)):
            raise ValueError(f"{text!r} is not a version of {name!r}")
    texts["skood"]  # raises if it is missing
    for part in ("members", "modules"):
        if not isinstance(manifest[part], dict):
            raise ValueError(f"{part!r} is not a dict")


def _check_kind(file: IO[bytes], path: Path) -> None:
    expected = _KIND_MEMBER.encode() + _KIND
    head = file.read(_KIND_PLACE + len(expected))
    if not head.startswith(b"PK\x03\x04") or head[_KIND_PLACE:] != expected:
        raise ValueError(
            f"The file {str(path)!r} is not a file of skood.save, or its beginning is damaged."
        )


def _check_seal(file: IO[bytes], path: Path) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _SEAL_LENGTH))
    seal = _SEAL.fullmatch(file.read())
    if seal is None or seal[1].decode() != _digest_before_seal(file):
        raise ValueError(
            f"The file {str(path)!r} is damaged or cut short: its checksum differs from the saved "
            "one."
        )
