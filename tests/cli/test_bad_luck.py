"""Killed commands: nothing half written, and the next run ends as if alone."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from skood._optional import is_installed
from skood.cli.files import PartialFile, results_format

from ..processes import run_python

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are forked")
@pytest.mark.skipif(not is_installed("skops"), reason="skops (extra 'io') is not installed")
def test_killed_commands_leave_nothing_half_written():
    module = 'runpy.run_module("tests.cli.bad_luck", run_name="__main__", alter_sys=True)'
    done = run_python(f"import runpy\n{module}", "kills", 3, 2, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, 0 wrong" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_disk_that_is_full_at_the_journal_keeps_the_journal_before(tmp_path):
    import resource

    output = tmp_path / "o.csv"
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))
        code = 1
        with contextlib.suppress(BaseException):
            partial = PartialFile(output).start({"input": "x"}, b"row\n")
            partial.append(b"1\n", 1, {"rows": 1})
            try:
                partial.append(b"2\n", 1, {"rows": 2, "texts": "x" * 9_000})
            except OSError:
                code = 0 if partial.n_kept() == 1 else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.csv.part", "o.csv.part.json"]
    partial = PartialFile(output).resume({"input": "x"}, str)
    partial.append(b"2\n", 1, {"rows": 2})
    partial.finish(results_format(output))
    assert output.read_text() == "row\n1\n2\n"
