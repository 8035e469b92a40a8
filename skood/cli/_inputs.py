"""Opens files of rows for a detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skood.cli.files import STDIN, ReadingOptions, TableError, is_parquet_folder, open_source

from ._errors import DataError, UsageError
from ._speaking import Voice


def open_input(
    path: Path,
    reading: ReadingOptions,
    voice: Voice,
    *,
    images: bool,
    shape: Sequence[int] | None = None,
    name: str | None = None,
) -> Any:
    """Open a file or a folder, of images if the detector takes them; see `open_source`."""
    if not images:
        check_no_images(path)
    source = open_source(path, reading, shape=shape, name=name)
    for note in getattr(source, "notes", ()):
        voice.say(note)
    return source


def check_no_images(path: Path) -> None:
    """Raise for a folder without Parquet files."""
    if path.is_dir() and not is_parquet_folder(path):
        raise UsageError(
            f"{str(path)!r} is a folder without Parquet files; images in a folder need a detector "
            "that was fitted with --features."
        )


def check_one_stdin(*paths: Path | None) -> None:
    """Raise if several files are stdin."""
    if paths.count(STDIN) > 1:
        raise UsageError("Only one of the files can be -: stdin is read once.")


def check_no_columns_named(source: Any, **options: Any) -> None:
    """Raise if an option names columns of a file that has none."""
    for name, value in options.items():
        if value:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} names columns, and {source.name} has none.")


@contextmanager
def told_with_doubt(source: Any) -> Iterator[None]:
    """Report the doubt about a file's encoding, together with another fault if there is one."""
    doubt = getattr(source, "doubt", None)
    try:
        yield
    except (TableError, DataError) as error:
        if doubt is None:
            raise
        raise type(error)(f"{doubt.sentence(source.name)} {error}") from error
    if doubt is not None:
        raise TableError(doubt.sentence(source.name))
