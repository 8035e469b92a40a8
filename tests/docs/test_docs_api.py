"""The reference has every public name of every public package, and only existing names."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys

import pytest

import skood

from ..package.test_imports import ROOT
from .docs_pages import DOCS

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")
NEEDS = {"skood.deep": "torch", "skood.parallel": "dask"}


@pytest.fixture
def reference(monkeypatch):
    """The list of the reference."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield importlib.import_module("_api")
    for module in ("_api", "_api_pages"):
        sys.modules.pop(module, None)


def _load(module: str):
    if module in NEEDS:
        pytest.importorskip(NEEDS[module], reason=f"{NEEDS[module]} is not installed")
    return importlib.import_module(module)


def _public_modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(skood.__path__) if module.name[0] != "_"]


def test_modules_are_in_the_reference_or_said_to_be_internal(reference):
    listed = {section.module.partition(".")[2] for section in reference.SECTIONS}
    missing = set(_public_modules()) - listed - set(reference.INTERNAL)
    assert not missing, f"docs/_api.py has neither sections for {missing} nor calls them internal"


def test_what_is_said_to_be_internal_exists(reference):
    assert set(reference.INTERNAL) <= set(_public_modules())


@pytest.mark.parametrize("module", ["skood", *(f"skood.{name}" for name in _public_modules())])
def test_every_public_name_is_in_the_reference(reference, module):
    listed = {section.module for section in reference.SECTIONS}
    if module not in listed:
        assert module.partition(".")[2] in reference.INTERNAL
        return
    names = getattr(_load(module), "__all__", None)
    if names is None:
        return
    documented = {
        name
        for section in reference.SECTIONS
        if section.chosen or section.module in (module, "skood")
        for name in section.names
    }
    assert set(names) <= documented


def test_every_name_in_the_reference_exists(reference):
    for package in NEEDS.values():
        pytest.importorskip(package, reason=f"{package} is not installed")
    full_names = list(reference.public_names())
    assert len(full_names) == len(set(full_names))
    for full in full_names:
        module, _, name = full.rpartition(".")
        assert getattr(importlib.import_module(module), name).__doc__, full


def test_each_module_has_a_page(reference):
    for package in NEEDS.values():
        pytest.importorskip(package, reason=f"{package} is not installed")
    pages = importlib.import_module("_api_pages").reference_pages()
    modules = {section.module for section in reference.SECTIONS}
    assert set(pages) == modules | {"index"}
    for full in reference.public_names():
        module, _, name = full.rpartition(".")
        assert f"   {name}\n" in pages[module]


def test_methods_that_are_said_to_be_internal_exist_and_serve_another_room(reference):
    for package in NEEDS.values():
        pytest.importorskip(package, reason=f"{package} is not installed")
    named = (full.rpartition(".") for full in reference.public_names())
    public = [getattr(importlib.import_module(module), name) for module, _, name in named]
    methods = {name for made in public if isinstance(made, type) for name in dir(made)}
    assert methods >= reference.INTERNAL_METHODS
    source = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py"))
    for name in reference.INTERNAL_METHODS:
        assert len(re.findall(rf"\b{name}\b", source)) > 1, name


def test_the_first_page_of_the_reference_links_every_name(reference):
    for package in NEEDS.values():
        pytest.importorskip(package, reason=f"{package} is not installed")
    index = importlib.import_module("_api_pages").reference_pages()["index"]
    assert [full for full in reference.public_names() if f"`~{full}`" not in index] == []
