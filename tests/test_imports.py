"""Imports run one way, and `import skood` loads no extra."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skood

ROOT = Path(skood.__file__).parent
EXTRAS = ["torch", "skorch", "numba", "dask", "distributed", "matplotlib", "pandas", "polars"]
EXTRAS += ["faiss", "pynndescent", "pyarrow", "safetensors", "skops"]
# what a folder may import of skood besides itself
ALLOWED = {
    "calibration": {"_base", "_validation"},
    "measures": set(),
    "metrics": set(),
    "neighbors": {"_validation", "_optional", "rows"},
    "rows": {"_optional"},
    "explanation": {"_validation", "_optional"},
    "detectors": {
        "_base",
        "_validation",
        "_optional",
        "measures",
        "neighbors",
        "metrics",
        "explanation",
        "layers",
        "rows",
        "_shared_parameters",
        "_sums_plan",
    },
    "deep": {
        "_base",
        "_validation",
        "_optional",
        "_shared_parameters",
        "measures",
        "detectors",
        "ensemble",
        "layers",
    },
    "ensemble": {"_base", "_validation", "explanation", "layers"},
    "layers": {"_validation"},
    "model_selection": {"_validation", "metrics"},
    "comparison": {
        "_optional",
        "_validation",
        "_whole_file",
        "demo",
        "metrics",
        "model_selection",
        "plots",
    },
    "parallel": {"_optional", "_validation", "calibration", "neighbors"},
    "streaming": {"_sampling", "_validation", "neighbors"},
    "storage": {"_optional", "_validation", "_whole_file", "deep"},
    "tables": {"_optional", "_validation", "_whole_file"},
    "plots": {"_validation", "_optional", "metrics", "explanation"},
}


def _imports_of(path: Path) -> set[str]:
    """Top-level parts of skood that a file imports."""
    package = path.relative_to(ROOT.parent).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            modules = [(*base, *name.split(".")) for name in names]
        elif isinstance(node, ast.ImportFrom):
            modules = [tuple((node.module or "").split("."))]
        elif isinstance(node, ast.Import):
            modules = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        found |= {m[1] for m in modules if m[0] == "skood" and len(m) > 1}
    return found


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_run_one_way(folder):
    files = sorted((ROOT / folder).glob("*.py"))
    assert files
    for path in files:
        outside = _imports_of(path) - {folder}
        assert outside <= ALLOWED[folder], f"{path.name} imports {outside}"


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
    # scikit-learn imports pandas, and so pyarrow, where they are installed
    assert set(_loaded(everything)) <= set(_loaded("import sklearn.utils.validation"))


def test_public_names_exist_and_are_listed():
    assert sorted(skood.__all__) == skood.__all__
    assert set(skood._HOME) == set(skood.__all__)
    for name in skood.__all__:
        assert getattr(skood, name).__name__ == name
        assert name in dir(skood)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = skood.Nothing
