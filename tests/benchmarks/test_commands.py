"""The commands that the pages name: each runs a benchmark that is there, with options it knows."""

from __future__ import annotations

import os
import re
import runpy
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
FOLDERS = ("accuracy", "cost", "papers")
# Folders that the build of the docs makes, as it does the pages of docs/results/ but their index.
MADE = {"_build", "api", "gallery"}
COMMAND = re.compile(r"\bpython (?P<path>benchmarks/\S+\.py)(?P<options>[^`#\n]*)")
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks are not here")


@cache
def texts() -> dict[str, str]:
    """What people read, by path: pages, docstrings and comments, workflows."""
    folders = ("docs", "benchmarks", "skood", "tests", ".ci", ".github")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in [*paths, *ROOT.glob("*.md")]
        if path.suffix in {".md", ".py", ".yml", ""} and path.is_file() and not _is_made(path)
    }


def _is_made(path: Path) -> bool:
    """Whether the build of the docs makes the page; this file names no command to be run either."""
    place = path.relative_to(ROOT).parts
    copied = place[:2] == ("docs", "results") and path.name != "index.md"
    return copied or bool(MADE & {*place}) or path == Path(__file__).resolve()


@cache
def named() -> dict[str, set[str]]:
    """The options that commands name, by script; a script without a command is here as well."""
    options: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for path in sorted((BENCHMARKS / folder).glob("[!_]*.py")):
            options[path.relative_to(ROOT).as_posix()] = set()
    for text in texts().values():
        for command in COMMAND.finditer(text):
            long = re.findall(r"--[a-z][a-z-]*", command["options"])
            options.setdefault(command["path"], set()).update(long)
    return options


def test_every_script_that_is_named_is_there():
    dead = [
        f"{page}: {script}"
        for page, text in texts().items()
        for script in re.findall(r"\bbenchmarks/\w[\w/]*\.py\b", text)
        if not (ROOT / script).is_file()
    ]
    assert dead == []


def test_every_result_names_its_command():
    for page in sorted((BENCHMARKS / "results").glob("*.md")):
        origin = page.read_text(encoding="utf-8").partition("## Command and machine\n\n`")[2]
        assert COMMAND.search(origin), page


@contextmanager
def as_main(script: str, *arguments: str) -> Iterator[None]:
    """Run a script here, as `python script` would: a process of its own takes seconds to import.

    Modules of one name lie in several folders, so none of the benchmarks' stays imported.
    """
    path, modules, argv = [*sys.path], {*sys.modules}, sys.argv
    sys.path.insert(0, str((ROOT / script).parent))
    sys.argv = [script, *arguments]
    try:
        with mock.patch.dict(os.environ), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        sys.path[:], sys.argv = path, argv
        for name in {*sys.modules} - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and BENCHMARKS in Path(file).parents:
                del sys.modules[name]


@pytest.mark.parametrize("script", named() if BENCHMARKS.is_dir() else [])
def test_every_command_answers_and_knows_its_options(script: str, capsys):
    try:
        with as_main(script, "--help"), pytest.raises(SystemExit, match=r"^0$"):
            runpy.run_path(str(ROOT / script), run_name="__main__")
    except ImportError as error:
        missing = error.name or "torch"  # skood.deep names the extra to install
        if find_spec(missing.partition(".")[0]) is not None:
            raise
        pytest.skip(f"{missing} is not installed")
    said = capsys.readouterr().out
    assert said.startswith("usage: ")
    assert named()[script] <= set(re.findall(r"--[a-z][a-z-]*", said))
