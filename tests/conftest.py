"""Fixtures: thread counts and the folder of evaluation data."""

from __future__ import annotations

import os
from pathlib import Path

# Two workers with two threads each would fight for two cores. NumPy must be imported after this.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[_name] = "1"

import pytest
from hypothesis import settings

# Timing belongs to the benchmarks: a slow machine must not fail a property.
# Every CI run tries the same examples; other runs try new ones.
settings.register_profile(
    "skood", deadline=None, max_examples=40, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("skood")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not _SHARED.is_dir():
        pytest.skip(f"the evaluation data is not at {_SHARED}")
    return _SHARED
