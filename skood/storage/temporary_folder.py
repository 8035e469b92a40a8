"""A temporary folder that the next process removes if this one is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from .whole_file import is_taken, opened_plainly

_PREFIX, _LOCK = "skood-", ".lock"


def new_temporary_folder() -> tuple[Path, Callable[[], None]]:
    """Make a folder, and a function that removes it.

    A lock in the folder ends with this process, however that ends. Folders of killed processes are
    removed first.
    """
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    descriptor = opened_plainly(folder / _LOCK, os.O_CREAT)
    is_taken(descriptor)

    def remove() -> None:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)

    return folder, remove


def _sweep(place: Path) -> None:
    for lock in place.glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError):  # its process has just ended, or another user owns it
            if hasattr(os, "getuid") and lock.parent.lstat().st_uid != os.getuid():
                continue
            descriptor = opened_plainly(lock)
            ended = is_taken(descriptor)
            os.close(descriptor)
            if ended:
                shutil.rmtree(lock.parent, ignore_errors=True)
