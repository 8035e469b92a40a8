"""Checks that files can be written, before the work and not after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ._errors import UsageError


def check_output(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Raise unless a file can be written there and is no input."""
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"The folder {str(folder)!r} for {path.name!r} does not exist.")
    if path.is_dir():
        raise UsageError(f"The output {str(path)!r} is a folder.")
    if any(path.exists() and file.exists() and path.samefile(file) for file in inputs):
        raise UsageError(f"The output {str(path)!r} is one of the inputs.")
    try:
        try_writing_to(folder)
    except OSError as error:
        raise UsageError(
            f"The folder {str(folder)!r} cannot be written to ({error.strerror})."
        ) from error


def try_writing_to(folder: Path) -> None:
    """Make a file in a folder and remove it.

    Permission bits are not enough: root, read-only and network file systems ignore them.
    """
    from skood.storage.whole_file import temporary_beside

    probe = temporary_beside(folder / "probe")
    probe.touch(exist_ok=False)
    probe.unlink()
