"""Answer and picture of each result page anew, from the tables on the page.

    python benchmarks/redraw.py [NAME ...]

For a change of the layout or of an answer. It measures nothing: the numbers stay.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where _common is

from _common.page import Page
from _common.report import RESULTS, write_page


def main() -> None:
    """Write the pages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="pages; all by default")
    names = parser.parse_args().names or [path.stem for path in sorted(RESULTS.glob("*.md"))]
    for name in names:
        page = Page.read((RESULTS / f"{name}.md").read_text(encoding="utf-8"))
        write_page(name, page)


if __name__ == "__main__":
    main()
