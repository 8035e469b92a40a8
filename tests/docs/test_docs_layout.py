"""The developer guide's layout shows the rooms that there are, in the order of the imports."""

from __future__ import annotations

import re

import pytest

from ..package.test_imports import ALLOWED, ROOT
from .docs_pages import DOCS, blocks

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")


def _layout() -> str:
    """The tree of folders and files."""
    trees = [block.code for block in blocks(DOCS / "development.md") if block.kind == "text"]
    (layout,) = [tree for tree in trees if tree.startswith("skood/\n")]
    return layout


def _names(pattern: str) -> list[str]:
    return re.findall(pattern, _layout().partition("\ntests/")[0], flags=re.MULTILINE)


def test_every_room_has_a_line_and_stands_below_the_rooms_it_may_import():
    rooms = [name.removesuffix("/").removesuffix(".py") for name in _names(r"^  (\w\S+)")]
    assert sorted(rooms) == sorted([*ALLOWED, "__init__"])
    for room, allowed in ALLOWED.items():
        assert allowed <= set(rooms[: rooms.index(room)]), room


def test_every_folder_of_the_command_line_has_a_line():
    folders = {path.parent.name for path in (ROOT / "cli").glob("*/__init__.py")}
    assert set(_names(r"^    (\w+)/")) == folders
