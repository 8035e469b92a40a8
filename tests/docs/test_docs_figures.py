"""Figures on the pages stand on the results pages that they link to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .docs_pages import DOCS, written_pages

RESULTS = DOCS.parent / "benchmarks" / "results"
LINK = re.compile(
    r"\[(?P<text>[^][]*)\]\((?P<target>[^()\s]*results/(?!index)(?P<name>[\w-]+)\.md)\)"
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
pytestmark = pytest.mark.skipif(not RESULTS.exists(), reason="docs and results are not here")
pages = pytest.mark.parametrize(
    "page", [*written_pages(), DOCS.parent / "README.md"], ids=lambda page: page.name
)


def numbers_in(text: str) -> set[str]:
    """Numbers with all their digits, without their sign."""
    return set(NUMBER.findall(text))


@pages
def test_linked_results_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    for link in LINK.finditer(text):
        assert (RESULTS / f"{link['name']}.md").exists(), link[0]


@pages
def test_numbers_are_in_the_linked_results(page: Path):
    text = page.read_text(encoding="utf-8")
    for link in LINK.finditer(text):
        result = (RESULTS / f"{link['name']}.md").read_text(encoding="utf-8")
        missing = numbers_in(link["text"]) - numbers_in(result)
        assert not missing, f"{link[0]}: {missing} is not on the page of the results"


def test_the_page_of_choices_has_figures():
    text = (DOCS / "choosing.md").read_text(encoding="utf-8")
    assert sum(bool(numbers_in(link["text"])) for link in LINK.finditer(text)) > 50


def test_each_result_has_a_line_on_the_page_of_results():
    text = (DOCS / "results" / "index.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([\w-]+)\.md\)", text))
    assert named == {page.stem for page in RESULTS.glob("*.md")}
