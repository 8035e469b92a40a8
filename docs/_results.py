"""The benchmark results as pages: each Markdown file of benchmarks/results, with its pictures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

HERE = Path(__file__).parent
SOURCE = HERE.parent / "benchmarks" / "results"
PAGES = HERE / "results"
HAND_WRITTEN = "index.md"


def copy_results(app: Sphinx, config: Config) -> None:
    """Copy the pages before Sphinx lists all pages; delete pages without a source."""
    sources = {path.name: path for path in SOURCE.iterdir() if path.is_file()}
    for page in PAGES.iterdir():
        if page.name not in sources and page.name != HAND_WRITTEN:
            page.unlink()
    for name, source in sources.items():
        page = PAGES / name
        # Sphinx builds every written page again, even an unchanged one.
        if not page.exists() or page.read_bytes() != source.read_bytes():
            shutil.copyfile(source, page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect `copy_results` to Sphinx."""
    app.connect("config-inited", copy_results)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
