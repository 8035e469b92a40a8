"""Resident memory of a process, and a new process for a measurement."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MB = 1e6
# An environment in which the C library gives freed memory back at once.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
GIVE_BACK_TEXT = " and ".join(f"`{name}={value}`" for name, value in GIVE_BACK.items())

_CLEAR_REFS = Path("/proc/self/clear_refs")
PEAK_IS_MEASURABLE = _CLEAR_REFS.exists()  # on Linux only


def resident() -> float:
    """MB of this process in memory now."""
    return _status("VmRSS")


def forget_peak() -> None:
    """Restart the peak at the memory that is resident now."""
    _CLEAR_REFS.write_text("5")


def peak() -> float:
    """The most MB of this process in memory since `forget_peak`."""
    return _status("VmHWM")


def measured_in_new_process(
    script: str, *arguments: str, environment: dict[str, str] | None = None
) -> Any:
    """Run a script, and read its last line as JSON."""
    done = subprocess.run(
        [sys.executable, script, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    return json.loads(done.stdout.splitlines()[-1])


def _status(name: str) -> float:
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024 / MB
