"""Crafted files: each loads or is refused in one sentence, in bounded memory, opening nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skood._optional import is_installed

if not is_installed("skops"):
    pytest.skip("skops (extra 'io') is not installed", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from Linux's /proc")
@pytest.mark.parametrize(("kind", "n"), [("crafted", 120), ("damaged", 30)])
def test_crafted_and_damaged_files_are_refused_in_one_sentence_or_load(kind, n):
    run = "tests.storage.crafted_run"
    command = [sys.executable, "-W", "ignore", "-m", run, kind, str(n), "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'refused': " in done.stdout
