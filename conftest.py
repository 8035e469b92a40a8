"""Examples in docstrings that need an extra run if the extra is installed; how tests are shared."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import pytest

from skood._optional import is_installed

# Without torch these raise an ImportError at import. The files in tests/ hold no tests: the tests
# that import them are skipped with a reason.
_NEED_TORCH = ["skood/deep", "tests/deep/autoencoders.py", "tests/torch_nets.py"]
collect_ignore = [] if is_installed("torch") else list(_NEED_TORCH)
collect_ignore += (
    [] if is_installed("distributed") else ["skood/parallel", "tests/parallel/dask_cluster.py"]
)

# These name types of Arrow that pyarrow has since 19.
_arrow = int(version("pyarrow").partition(".")[0]) if is_installed("pyarrow") else 0
collect_ignore += [] if _arrow >= 19 else ["tests/cli/bad_formats.py", "tests/cli/bad_typed.py"]

_NEEDS = {
    "faiss_index.py": ("faiss", "ann"),
    "onnx_model.py": ("onnxruntime", "docs"),
    "persistence.py": ("skops", "io"),
    "pynndescent_index.py": ("pynndescent", "ann"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the examples of a module whose library is missing, and GPU tests without a GPU."""
    for item in items:
        module, extra = _NEEDS.get(item.path.name, ("", ""))
        if module and not is_installed(module):
            item.add_marker(pytest.mark.skip(reason=f"{module} (extra {extra!r}) is not installed"))
        if item.get_closest_marker("gpu") and not _sees_gpu():
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker neighbouring tests: fixtures of a module are made once, not by each."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling  # here, since pytest runs without xdist too

    return WorkStealingScheduling(config, log)


@cache
def _sees_gpu() -> bool:
    import torch  # here, since few runs have tests that need it

    return torch.cuda.is_available()
