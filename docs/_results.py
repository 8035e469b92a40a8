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
    """Bring the pages up to date before Sphinx looks what there are; drop those without source."""
    sources = {path.name: path for path in SOURCE.iterdir() if path.is_file()}
    for page in PAGES.iterdir():
        if page.name not in sources and page.name != HAND_WRITTEN:
            page.unlink()
    for name, source in sources.items():
        page = PAGES / name
        if not page.exists() or page.read_bytes() != source.read_bytes():  # else it is built again
            shutil.copyfile(source, page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("config-inited", copy_results)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
