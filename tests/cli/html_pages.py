"""What every report of the commands keeps, whatever texts the files hold."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags of a page, which must close each other, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: dict[str, str | None] = {}
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= attrs
        if tag not in ("meta", "line", "rect", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def check_page(text: str) -> Page:
    """The page has no script, no reference to other files and no control characters."""
    page = Page(text)
    allowed = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "strong"}
    allowed |= {"dl", "dt", "dd", "figure", "figcaption", "svg", "line", "rect", "polyline", "span"}
    allowed |= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert page.names <= allowed
    assert not {"src", "href", "onclick", "onerror"} & set(page.attributes)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert ">nan" not in text
    assert "NaN" not in text
    return page
