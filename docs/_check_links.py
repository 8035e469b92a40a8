"""Follow every relative link of the built pages, down to its anchor: `_check_links.py FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class Page(HTMLParser):
    """The links of a page, and the anchors that links may point to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the link of a tag, and its anchors."""
        values = dict(attrs)
        link = values.get(LINKS.get(tag, ""))
        if link:
            self.links.add(link)
        self.anchors.update(name for key in ("id", "name") if (name := values.get(key)))


def broken_links(folder: Path) -> Iterator[str]:
    """Each broken link, as ``page: link``."""
    files = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in files}
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment)
            known = pages[target].anchors if target in pages else None
            if not target.exists() or (anchor and known is not None and anchor not in known):
                yield f"{path.relative_to(folder.resolve())}: {link}"


def main() -> int:
    """Print the broken links; the exit status is 1 if there are any."""
    folder = Path(sys.argv[1])
    broken = list(broken_links(folder))
    n_pages = len(list(folder.rglob("*.html")))
    print(*broken, f"{n_pages} pages, {len(broken)} broken links", sep="\n")
    return 1 if broken or not n_pages else 0


if __name__ == "__main__":
    sys.exit(main())
