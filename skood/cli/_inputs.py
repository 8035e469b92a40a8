"""Opens files of rows for a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skood.cli.files import ReadingOptions, open_source

from ._errors import UsageError
from ._speaking import Voice


def open_input(
    path: Path,
    reading: ReadingOptions,
    voice: Voice,
    *,
    images: bool,
    shape: Sequence[int] | None = None,
) -> Any:
    """Open a file, or a folder if the detector takes images; see `open_source`."""
    if path.is_dir() and not images:
        raise UsageError(
            f"{str(path)!r} is a folder, and not a file of rows; images in a folder need a "
            "detector that was fitted with --features."
        )
    source = open_source(path, reading, shape=shape)
    for note in getattr(source, "notes", ()):
        voice.say(note)
    return source


def check_no_columns_named(source: Any, **options: Any) -> None:
    """Raise if an option names columns of a file that has none."""
    for name, value in options.items():
        if value:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} names columns, and {source.name} has none.")
