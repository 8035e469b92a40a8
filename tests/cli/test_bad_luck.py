"""Killed commands: nothing half written, and the next run ends as if alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skood._optional import is_installed

from ..processes import run_python

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are forked")
@pytest.mark.skipif(not is_installed("skops"), reason="skops (extra 'io') is not installed")
def test_killed_commands_leave_nothing_half_written():
    module = 'runpy.run_module("tests.cli.bad_luck", run_name="__main__", alter_sys=True)'
    done = run_python(f"import runpy\n{module}", "kills", 3, 2, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, 0 wrong" in done.stdout
