"""The checker of the built pages finds broken links, and only these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .docs_pages import DOCS

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")


def _check(folder: Path) -> tuple[int, list[str]]:
    command = [sys.executable, DOCS / "_check_links.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def _write(folder: Path, pages: dict[str, str]) -> None:
    for name, text in pages.items():
        page = folder / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


def test_links_that_lead_somewhere(tmp_path):
    _write(
        tmp_path,
        {
            "index.html": '<a href="guide/one.html#top">1</a><a href="guide/">2</a>'
            '<img src="a.png"><a href="https://example.org/none">3</a>'
            '<a href="#here">4</a><p id="here">',
            "guide/one.html": '<h1 id="top">One</h1><a href="../index.html?x=1">back</a>',
            "guide/index.html": "<p>",
            "a.png": "",
        },
    )
    assert _check(tmp_path) == (0, ["3 pages, 0 broken links"])


@pytest.mark.parametrize(
    "link", ["none.html", "guide/one.html#bottom", "#there", "../outside.html", "guide"]
)
def test_links_that_lead_nowhere(tmp_path, link):
    _write(
        tmp_path,
        {"index.html": f'<a href="{link}">1</a>', "guide/one.html": '<h1 id="top">One</h1>'},
    )
    assert _check(tmp_path) == (1, [f"index.html: {link}", "2 pages, 1 broken links"])


def test_a_picture_that_is_not_there(tmp_path):
    _write(tmp_path, {"index.html": '<img src="none.png">'})
    assert _check(tmp_path)[0] == 1


def test_no_pages_are_no_success(tmp_path):
    assert _check(tmp_path)[0] == 1
