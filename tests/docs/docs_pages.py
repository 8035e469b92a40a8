"""The hand-written pages of the docs, and their code blocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, its text, and its first line."""

    kind: str
    code: str
    line: int


def written_pages() -> list[Path]:
    """All Markdown pages that the build does not make."""
    folders = (DOCS, DOCS / "guide", DOCS / "recipes")
    pages = [page for folder in folders for page in sorted(folder.glob("*.md"))]
    return [*pages, DOCS / "results" / "index.md"] if pages else []


def name_of(page: Path) -> str:
    """The path within the docs, for the names of tests."""
    return page.relative_to(DOCS).as_posix()


def blocks(page: Path) -> list[Block]:
    """Fenced blocks that are not directives, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(block["kind"], block["code"], text.count("\n", 0, block.start()) + 2)
        for block in _BLOCK.finditer(text)
    ]
