"""The house's English: phrases that a reader reads twice, words that have another name, spelling.

The pages, the docstrings and the messages are searched; code is not. `docs/glossary.md` has the
words, and `docs/development.md` the rule.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .docs_pages import DOCS, blocks, name_of, written_pages

ROOT = DOCS.parent
MODULES = sorted((ROOT / "skood").rglob("*.py"))
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")
pages = pytest.mark.parametrize("page", written_pages(), ids=name_of)

INSTEAD = {
    r"told": "reported, shown, named",
    r"tells?": "shows, names, separates",
    r"(?:gone|goes|go|going) on": "resumed, continues",
    r"so many": "this number of, or the number",
    r"that which|one of those|those which": "the noun",
    r"(?:found|finds?|finding) out": "detect, decide",
    r"of rows like": "of normal rows",
    r"rows that (?:do not )?fit": "training rows, calibration rows",
    r"rows? to fit on": "training rows",
    r"in the mean(?! variance)": "on average, or expect up to",
    r"(?:stands?|standing) in for": "serves as",
    r"begins? anew|began anew": "start anew",
    r"as (?:they|it) comes?|as (?:they|it) came": "new rows, in their order",
    r"takes? (?:\w+ )?off": "contributes to",
    r"tak(?:es?|ing) in (?:more|further|the (?!order|memory)\w+)": "store, add, learn",
    r"dealt with": "the verb",
    r"is looked at|are looked at": "the verb",
    r"wanted": "given, chosen",
    r"likewise": "in the same way",
    r"and the like": "the list",
    r"as ever": "as usual",
    r"had better": "should",
    r"whatever the": "for any",
    r"(?:the|a|with a) chance (?:of|that)": "the probability",
    r"mended|mends?|mending": "correct",
    r"honest(?:ly)?": "the property",
    r"inliers?": "ID rows",
    r"abnormal|anomalous": "strange, OoD",
    r"fit rows": "training rows",
    r"what (?:it|they) (?:is|are|has|have|does|do|holds?|gives?|takes?|needs?)": "the noun",
    r"neighbors?|neighborhoods?": "neighbour",
    r"colors?|colored": "colour",
    r"behaviors?": "behaviour",
    r"centers?|centered": "centre",
    r"gray": "grey",
    r"[a-z]{4,}(?<!overs)(?<!item)iz(?:e[sd]?|ing|ation)": "-ise",
    r"analyz(?:e[sd]?|ing)": "analyse",
    r"labeled|modeled|labeling|modeling": "labelled, modelled",
}
# not `normalize=True`, nor `skood.neighbors`, nor "finds out-of-distribution rows"
REFUSED = re.compile(
    rf"(?<![\w.])(?:{'|'.join(INSTEAD)})(?![\w=-])".replace(" ", r"\s+"), re.IGNORECASE
)
NO_NOUN = re.compile(r"(?:What|Who|Where)\b")  # as the first word of a docstring
CODE = re.compile(r"``.+?``|`[^`\n]*`|:\w+:`[^`]*`|\]\([^)]*\)|https?://\S+|\$[^$]*\$", re.DOTALL)
SESSION = re.compile(r"^ *(?:>>>|\.\.\. ?).*(?:\n(?! *(?:>>>|\.\.\. |\n|$)).*)*", re.MULTILINE)
PARAMETER = re.compile(r"^ *(?:[\w*, ]+ : .*|[A-Z]\w+(?:, .*)?)$", re.MULTILINE)  # names and types
REFERENCES = re.compile(r"^ *References\n *-+\n.*?(?=\n *\n *\w+\n *-+\n|\Z)", re.M | re.S)


def _blank(match: re.Match[str]) -> str:
    """As many lines, without a text."""
    return "\n" * match[0].count("\n")


def _faults(text: str, first_line: int) -> Iterator[str]:
    for match in REFUSED.finditer(text):
        line = first_line + text.count("\n", 0, match.start())
        phrase = " ".join(match[0].split())
        better = next(b for p, b in INSTEAD.items() if re.match(p, phrase, re.IGNORECASE))
        yield f"line {line}: {phrase!r}; rather: {better}"


@pages
def test_pages(page: Path):
    text = re.sub(r"^(```|:::).*?^\1$", _blank, page.read_text(encoding="utf-8"), flags=re.M | re.S)
    if page.name == "development.md":  # its table shows the rule by what to avoid
        text = re.sub(r'^\| (?:message|docstring|comment) \|.*$|"[^"\n]*"', "", text, flags=re.M)
    assert list(_faults(CODE.sub(_blank, text), 1)) == []


def _texts(module: Path) -> Iterator[tuple[str, int, bool]]:
    """Docstrings and messages, their first lines, and whether they are docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            text = node.value
        else:
            continue
        yield text, node.lineno, id(node) in docstrings


def test_docstrings_and_messages():
    faults = []
    for module in MODULES:
        name = module.relative_to(ROOT).as_posix()
        for text, line, is_docstring in _texts(module):
            prose = text
            if is_docstring:
                prose = PARAMETER.sub("", REFERENCES.sub(_blank, SESSION.sub(_blank, text)))
                if NO_NOUN.match(text):
                    faults.append(f"{name}, line {line}: {text.split()[0]!r}; rather: the noun")
            elif text.count(" ") < 3 or text.lstrip().startswith(("<", ":root")):
                continue
            faults += [f"{name}, {fault}" for fault in _faults(CODE.sub(_blank, prose), line)]
    assert faults == []


@pages
def test_code_is_narrow(page: Path):
    for block in blocks(page):
        for i, line in enumerate(block.code.splitlines(), block.line):
            assert len(line) <= 88, f"line {i} of {name_of(page)} has {len(line)} characters"


@pages
def test_tables_are_narrow(page: Path):
    text = page.read_text(encoding="utf-8")
    for head in re.findall(r"^\|(?: *:?-+:? *\|)+$", text, flags=re.MULTILINE):
        assert head.count("|") - 1 <= 5, (
            f"{name_of(page)}: a table with {head.count('|') - 1} columns"
        )
