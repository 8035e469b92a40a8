"""Killed commands: nothing half written, and the next run ends as if alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skood._optional import is_installed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are forked")
@pytest.mark.skipif(not is_installed("skops"), reason="skops (extra 'io') is not installed")
def test_killed_commands_leave_nothing_half_written():
    command = [sys.executable, "-W", "ignore", "-m", "tests.cli.bad_luck", "kills", "3", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, 0 wrong" in done.stdout
