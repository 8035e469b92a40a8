"""A page of results: command, machine, versions and text."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from skood.cli.markdown import markdown_table as markdown_table

RESULTS = Path(__file__).parents[1] / "results"


def say(text: str) -> None:
    """Print a line with the time on stderr."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def judged(met: bool) -> str:
    """The verdict beside a requirement."""
    return "(met)" if met else "(missed)"


def environment(packages: Sequence[str]) -> str:
    """One paragraph: date, machine and versions."""
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"{date}; {_processor()}, {os.cpu_count()} processors, {platform.system()}; "
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )


def write_result(name: str, title: str, command: str, packages: Sequence[str], body: str) -> None:
    """Print the result and keep it as ``results/<name>.md``."""
    text = f"# {title}\n\n`{command}`\n\n{environment(packages)}\n\n{body.strip()}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    say(f"written to {path}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
