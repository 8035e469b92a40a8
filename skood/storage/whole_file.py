"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Name a temporary file, which becomes `path` after the block has ended without an error.

    It is in the same folder and has the same ending. An older file stays, whole, until the new one
    is whole. If the block fails, the temporary file is deleted.
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder, where renaming is one step, with the same ending."""
    return path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
