"""Imports run one way, and `import skood` loads no extra."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

import skood

ROOT = Path(skood.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
EXTRAS = ["torch", "skorch", "numba", "dask", "distributed", "matplotlib", "pandas", "polars"]
EXTRAS += ["onnx", "skl2onnx", "faiss", "pynndescent", "pyarrow", "safetensors", "skops"]
# The rooms of skood (folders, and files beside them) that each room may import. The order is that
# of the data: each room imports only rooms that stand above it.
ALLOWED = {
    "_version": set(),
    "_optional": set(),
    "measures": set(),
    "rows": {"_optional", "measures"},
    "_validation": {"measures", "rows"},
    "datasets": {"_optional", "_validation"},
    "_base": {"_validation", "measures", "rows"},
    "metrics": {"_validation", "measures"},
    "neighbors": {"_optional", "_validation", "measures", "rows"},
    "explanation": {"_optional", "_validation", "measures"},
    "preprocessing": {
        "_optional",
        "_validation",
        "explanation",
        "measures",
        "neighbors",
        "rows",
    },
    "layers": {"_base", "_validation", "explanation", "measures", "neighbors", "rows"},
    "calibration": {
        "_base",
        "_validation",
        "explanation",
        "layers",
        "measures",
        "neighbors",
        "rows",
    },
    "detectors": {
        "_base",
        "_optional",
        "_validation",
        "calibration",
        "explanation",
        "measures",
        "neighbors",
        "preprocessing",
        "rows",
    },
    "model_selection": {"_validation", "metrics"},
    "plots": {"_optional", "_validation", "explanation", "measures", "metrics"},
    "monitoring": {"_optional", "_validation", "calibration", "explanation", "measures", "rows"},
    "deep": {"_base", "_optional", "_validation", "detectors", "layers", "measures", "rows"},
    "parallel": {"_optional", "_validation", "calibration", "measures", "neighbors", "rows"},
    "storage": {"_optional", "_validation", "_version", "deep", "measures", "rows"},
    "export": {
        "_optional",
        "_validation",
        "_version",
        "calibration",
        "detectors",
        "layers",
        "measures",
        "neighbors",
        "preprocessing",
        "rows",
    },
    "cli": {
        "_optional",
        "_validation",
        "_version",
        "calibration",
        "datasets",
        "deep",
        "detectors",
        "explanation",
        "layers",
        "measures",
        "metrics",
        "model_selection",
        "monitoring",
        "plots",
        "preprocessing",
        "rows",
        "storage",
    },
    "comparison": {"cli"},
    "__main__": {"cli"},
}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in FILES}


def _imported(path: Path) -> Iterator[tuple[str, str]]:
    """Each imported module and name, in functions and for type checking too."""
    package = path.relative_to(ROOT.parent).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield (whole, "") if whole in MODULES else (module, alias.name)


def _room(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def _imports_of(path: Path) -> set[str]:
    """Rooms of skood that a file imports."""
    modules = {module for module, _ in _imported(path) if module.startswith("skood.")}
    return {_room(module) for module in modules}


def _rooms() -> set[str]:
    return {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}


def test_every_room_has_a_row():
    assert set(ALLOWED) | {"__init__"} == _rooms()
    assert len(ALLOWED) <= 24


def test_each_room_imports_rooms_above_it():
    above: set[str] = set()
    for room, allowed in ALLOWED.items():
        assert allowed <= above, f"{room} may import {allowed - above}, which stand below it"
        above.add(room)


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_run_one_way(room):
    folder = ROOT / room
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    assert files
    for path in files:
        outside = _imports_of(path) - {room}
        assert outside <= ALLOWED[room], f"{path.name} imports {outside - ALLOWED[room]}"


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_what_is_private_to_another_room(module):
    for other, name in _imported(MODULES[module]):
        if other in MODULES and _room(other) != _room(module):
            private = [part for part in (*other.split(".")[2:], name) if part.startswith("_")]
            assert not set(private) - {"__version__"}, f"{module} imports {name} of {other}"


def test_no_module_imports_itself_by_way_of_others():
    # The lazy names of `skood` itself import nothing before they are used.
    imports = {
        module: {other for other, _ in _imported(path)} - {module}
        for module, path in MODULES.items()
        if module != "skood"
    }
    while free := [module for module in imports if not imports[module] & imports.keys()]:
        for module in free:
            del imports[module]
    circles = {module: others & imports.keys() for module, others in imports.items()}
    assert not circles


def test_no_file_is_long():
    lengths = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: length for module, length in lengths.items() if length > 400} == {}


def test_only_validation_touches_private_names_of_scikit_learn():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                private = [name for name in names if name.startswith("_")]
                assert not private or path.name == "_validation.py", f"{path}: {private}"


def _loaded(statement: str) -> list[str]:
    code = f"import sys; {statement}; print(*[m for m in {EXTRAS!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_import_loads_no_extra():
    assert _loaded("import skood") == []


def test_the_detectors_load_nothing_that_scikit_learn_does_not():
    everything = "from skood import *; import skood.neighbors, skood.metrics, skood.measures"
    # scikit-learn imports pandas, and so pyarrow, if they are installed
    assert set(_loaded(everything)) <= set(_loaded("import sklearn.utils.validation"))


def test_public_names_exist_and_are_listed():
    assert sorted(skood.__all__) == skood.__all__
    assert set(skood._HOME) == set(skood.__all__)
    for name in skood.__all__:
        assert getattr(skood, name).__name__ == name
        assert name in dir(skood)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = skood.Nothing


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="no worker among several")
def test_a_worker_has_one_thread():
    # Workers with several threads fight for the cores: the tests would take twice as long.
    pools = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    assert set(pools.values()) == {1}, pools
