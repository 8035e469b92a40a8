"""The pages of results: question, answer, picture, text, and the requirements at the end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"
PAGES = sorted(RESULTS.glob("*.md"))
pytestmark = pytest.mark.skipif(not RESULTS.is_dir(), reason="the benchmarks are not here")
BODY = """\
Rows are normal.

## Requirements

- kNN beside LCP: 1.20, at most 2 (met)

## Memory

| detector | held | scoring 2,000 | required | scoring 20,000 | growth |
| --- | ---: | ---: | ---: | ---: | ---: |
| LCP | 15 MB | 89 MB | ≤ 300 MB (met) | 92 MB | +4 MB, ≤ 3 MB (missed) |
| kNN | 13 MB | 88 MB | ≤ 300 MB (met) | 88 MB | +0 MB, ≤ 3 MB (met) |
| scikit-learn brute | 0 MB | 5 MB |  | 9 MB | +5 MB |
| PyOD KNN | 3 MB | 6 MB |  | 11 MB | +5 MB |"""


@pytest.fixture(autouse=True, scope="module")
def common():
    """Let these tests import `_common`, as the scripts do."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))
    for name in [name for name in sys.modules if name.split(".")[0] == "_common"]:
        del sys.modules[name]


def test_a_script_writes_question_answer_picture_text_and_requirements(tmp_path, monkeypatch):
    from _common import report

    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "INDEX", tmp_path / "index.md")
    report.INDEX.write_text("- [](memory.md)\n", encoding="utf-8")
    report.write_result("memory", "python benchmarks/cost/memory.py", ["numpy"], BODY)
    text = (tmp_path / "memory.md").read_text(encoding="utf-8")
    parts = [
        "# How much memory does scoring take?\n",
        "**At most 92 MB above the data (LCP)",
        "](memory-answer.svg)\n",
        "Rows are normal.\n",
        "| LCP                | 15 MB |         89 MB |          92 MB |  +4 MB |\n",
        "## Requirements\n\n- kNN beside LCP: 1.20, at most 2 (met)\n",
        "- LCP, scoring 2,000: 89 MB, ≤ 300 MB (met)\n",
        "- LCP, growth: +4 MB, ≤ 3 MB (missed)\n",
        "## Command and machine\n\n`python benchmarks/cost/memory.py`\n",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text.count("(met)") == 4
    picture = (tmp_path / "memory-answer.svg").read_text(encoding="utf-8")
    assert "PyOD KNN" in picture
    assert report.INDEX.read_text(encoding="utf-8").startswith("- [How much memory does scoring ta")


def test_wide_tables_are_split_and_read_as_one():
    from _common.tables import WIDEST, narrow, read_tables
    from skood.cli.markdown import markdown_table

    head = ["row", *(f"a long name of column {i}" for i in range(9))]
    rows = [[name, *(f"{i}.{name}" for i in range(9))] for name in "12"]
    text = narrow(f"## Section\n\n{markdown_table(head, rows)}")
    assert max(map(len, text.splitlines())) <= WIDEST
    (table,) = read_tables(text)
    assert (table.section, table.head, table.rows) == ("Section", head, rows)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_what_its_tables_say(path: Path):
    """Also after a change of an answer: `python benchmarks/redraw.py` writes the pages anew."""
    from _common.answers import QUESTIONS, answered
    from _common.page import Page

    text = path.read_text(encoding="utf-8")
    page = Page.read(text)
    answer = answered(path.stem, page.text)
    picture = f"![{answer.chart.alt}]({path.stem}-answer.svg)"
    assert text == page.markdown(QUESTIONS[path.stem].title, str(answer), picture)
    assert not re.search(r"^\|.*\((met|missed)\)", page.text, flags=re.MULTILINE)
    assert (RESULTS / f"{path.stem}-answer.svg").stat().st_size < 40_000


def test_the_list_of_answers_has_those_of_the_pages():
    from _common.answers import answered
    from _common.page import Page
    from _common.report import INDEX, index_line

    lines = INDEX.read_text(encoding="utf-8").splitlines()
    for path in PAGES:
        page = Page.read(path.read_text(encoding="utf-8"))
        assert index_line(path.stem, answered(path.stem, page.text).sentence) in lines


def test_each_picture_is_shown_on_a_page():
    shown = {name for page in PAGES for name in re.findall(r"\]\(([\w-]+\.(?:svg|png))\)",
             page.read_text(encoding="utf-8"))}  # fmt: skip
    assert shown == {path.name for ending in ("svg", "png") for path in RESULTS.glob(f"*.{ending}")}
