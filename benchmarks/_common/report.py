"""A page of results: command, machine, versions and text."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from skood.cli.markdown import markdown_table as markdown_table

from .answers import QUESTIONS, answered
from .chart import draw
from .page import Page

RESULTS = Path(__file__).parents[1] / "results"
INDEX = RESULTS.parents[1] / "docs" / "results" / "index.md"


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


def write_result(name: str, command: str, packages: Sequence[str], body: str) -> None:
    """Print the result and keep it as ``results/<name>.md``, with the picture of its answer.

    `answers` has the question of the page, and makes answer and picture of the tables in the body.
    Requirements in the body go to the end.
    """
    text = write_page(name, Page.of(body, command, environment(packages)))
    print(text)
    say(f"written to {RESULTS / name}.md")


def write_page(name: str, page: Page) -> str:
    """Write the page with the answer and the picture that its tables give."""
    answer = answered(name, page.text)
    picture = f"![{answer.chart.alt}]({name}-answer.svg)"
    text = page.markdown(QUESTIONS[name].title, str(answer), picture)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    draw(answer.chart, RESULTS / f"{name}-answer.svg")
    line, answers = index_line(name, answer.sentence), INDEX.read_text(encoding="utf-8")
    old = re.compile(rf"^- \[[^\n]*\]\({name}\.md\).*$", re.MULTILINE)
    INDEX.write_text(old.sub(lambda _: line, answers), encoding="utf-8")
    return text


def index_line(name: str, sentence: str) -> str:
    """The line of a page in the list of all answers."""
    return f"- [{QUESTIONS[name].title}]({name}.md) {sentence}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
