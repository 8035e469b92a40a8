"""Checks that files can be written, before the work and not after it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import UsageError

if TYPE_CHECKING:
    from ._speaking import Voice

STDOUT = Path("-")


def _is_among_rows(path: Path, folder: Path) -> bool:
    """Whether a file in a folder of Parquet files would be read as rows, or be refused."""
    from skood.cli.files import is_parquet_folder

    inside = path.resolve()
    if not (folder.is_dir() and inside.is_relative_to(folder.resolve())):
        return False
    hidden = any(part[0] in "_." for part in inside.relative_to(folder.resolve()).parts)
    return not hidden and is_parquet_folder(folder)


def check_not_among_rows(path: Path, inputs: Sequence[Path]) -> None:
    """Raise if an output lies among the Parquet files of an input folder: it would become rows."""
    for folder in inputs:
        if _is_among_rows(path, folder):
            raise UsageError(
                f"The output {str(path)!r} is in the input folder {str(folder)!r}, whose files are "
                "rows: write it somewhere else."
            )


@contextmanager
def output_at(path: Path, inputs: Sequence[Path] = ()) -> Iterator[Path]:
    """Keep other processes from an output, which is no input, until the block has ended.

    A trial write before the work finds folders that refuse files: permission bits do not show them.
    For stdout the output is a temporary file, which goes there whole.
    """
    from skood.storage.temporary_folder import new_temporary_folder
    from skood.storage.whole_file import locked

    if path == STDOUT:
        folder, remove = new_temporary_folder()
        try:
            whole = folder / "stdout.csv"
            yield whole
            with whole.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        finally:
            remove()
        return
    folder = (path.resolve() if path.is_symlink() else path).parent
    if not folder.is_dir():
        raise UsageError(f"The folder {str(folder)!r} for {path.name!r} does not exist.")
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "device"
        raise UsageError(f"The output {str(path)!r} is a {kind}.")
    if any(path.exists() and file.exists() and path.samefile(file) for file in inputs):
        raise UsageError(f"The output {str(path)!r} is one of the inputs.")
    check_not_among_rows(path, inputs)
    with ExitStack() as stack:
        try:
            output = stack.enter_context(locked(path))
        except BlockingIOError as error:
            raise UsageError(f"Another process is writing {str(path)!r}.") from error
        except OSError as error:
            raise UsageError(
                f"The folder {str(folder)!r} cannot be written to ({error.strerror})."
            ) from error
        yield output


@contextmanager
def report_at(path: Path | None, inputs: Sequence[Path]) -> Iterator[None]:
    """Keep other processes from a report, which is no input; None: there is no report."""
    if path is None:
        yield
        return
    with output_at(path, inputs):
        yield


def write_report(path: Path, page: str, voice: Voice | None = None) -> None:
    """Write a page whole or not at all, and say so."""
    from skood.storage.whole_file import written_whole

    with written_whole(path) as new:
        new.write_text(page, encoding="utf-8")
    if voice is not None:
        voice.say(f"report written to {path}")


@contextmanager
def folder_at(folder: Path) -> Iterator[None]:
    """Make a folder for outputs; after an error, remove it if it is new and empty."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise
