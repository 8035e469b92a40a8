"""How a report was made: its command, versions and time."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from skood._version import __version__

from .parts import section, table

_LONGEST = 2000  # characters of a command


def settings(pairs: Sequence[tuple[str, str]]) -> str:
    """A table of names and values, with versions and the time of now."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scikit-learn"))
    versions = f"skood {__version__}, {packages}, Python {platform.python_version()}"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [*pairs, ("versions", versions), ("made", now)]
    body = table(["setting", "value"], lines, set(), longest=_LONGEST)
    return section("How this report was made", body)


def command_line(argv: Sequence[str]) -> str:
    """The command as it is typed."""
    return shlex.join(["skood", *argv])
