"""The files of a feed: a folder, a pattern or one file."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from skood.cli.files import ReadingOptions, has_known_ending

from .._errors import UsageError

_WILD = re.compile(r"[*?\[]")
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Feed:
    """The place of the files: `base` is a folder, and `pattern` the files in it."""

    base: Path
    pattern: str
    reading: ReadingOptions
    excluded: frozenset[Path] = frozenset()  # the files that the command itself reads and writes

    def files(self) -> dict[str, Path]:
        """The files that are there now, by their names below the folder: part-9 before part-10.

        In a folder, the files whose ending names a format. Names that begin with "." or "_" are
        left out: writers give them to unfinished files.
        """
        pattern = glob.escape(str(self.base)) + f"/{self.pattern}"
        found = {}
        for text in glob.iglob(pattern, recursive=True):  # skips hidden names  # noqa: PTH207
            path = Path(text)
            name = path.relative_to(self.base).as_posix()
            is_whole = not any(part.startswith("_") for part in name.split("/"))
            is_known = self.pattern != "**" or has_known_ending(path, self.reading)
            if is_whole and is_known and path.is_file() and not self._is_own(path):
                found[name] = path
        return dict(sorted(found.items(), key=lambda item: _order(item[0])))

    def _is_own(self, path: Path) -> bool:
        names = {own.name for own in self.excluded}
        return path.name in names and path.resolve() in self.excluded

    def __str__(self) -> str:
        return str(self.base if self.pattern == "**" else self.base / self.pattern)


def feed_of(text: str, reading: ReadingOptions, excluded: list[Path]) -> Feed:
    """The feed that an argument names; its files may come later, but its folder must exist."""
    path, own = Path(text), frozenset(file.resolve() for file in excluded)
    if path.is_dir():
        return Feed(path, "**", reading, own)
    if path.is_file():
        return Feed(path.parent, glob.escape(path.name), reading, own)
    parts = path.parts
    first = next((i for i, part in enumerate(parts) if _WILD.search(part)), None)
    base = path.parent if first is None else Path(*parts[:first])
    if first is None or not base.is_dir():
        raise UsageError(
            "--input must be a file, a folder, or a pattern such as 'feed/*.csv' in a folder that "
            f"exists. Got {text!r} instead."
        )
    return Feed(base, "/".join(parts[first:]), reading, own)


def _order(name: str) -> list[tuple[int, int | str]]:
    """Numbers in names by their values."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in _NUMBER.split(name)]
