"""Imports of transformers, timm and torchvision, for tests that skip where these are missing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

_OPERATORS: list[object] = []  # torch forgets the operators of a library that is collected


def hub_package(name: str) -> ModuleType:
    """The package, or a skip with the reason."""
    pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
    _complete_torchvision()
    return pytest.importorskip(name, reason=f"{name} is not installed")


def _complete_torchvision() -> None:
    """Declare the operators that the import of torchvision asks for, where its binary cannot load.

    PyPI's torchvision is built for torch with CUDA. Beside the CPU's torch its binary fails, and
    then its import, and that of transformers and timm. No test calls these operators.
    """
    import torch

    spec = find_spec("torchvision")
    if _OPERATORS or spec is None or spec.origin is None:
        return
    try:
        for binary in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(binary)
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        _OPERATORS.append(library)
