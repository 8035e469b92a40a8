"""Processes that have imported skood's commands at their start: real, without seconds of imports.

They are forked from a server that has imported, and done nothing else. Each has its own streams,
folder, environment, signals and exit status. Tests of what a process imports start Python itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any

SKOOD = "import sys\nfrom skood.__main__ import run\nsys.exit(run())"
_IMPORTED = [
    "pandas",
    "pyarrow.csv",
    "pyarrow.parquet",
    "skood.cli._bench_run",
    "skood.cli._detect_run",
    "skood.cli._fit",
    "skood.cli._score_run",
    "skood.detectors",
    "skood.storage",
    "skops.io",  # imports all of scikit-learn, and torch
]


@cache
def _forking() -> Any:
    if "forkserver" not in get_all_start_methods():  # Windows
        return None
    context = get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


@cache
def another_process() -> ProcessPoolExecutor:
    """A pool of one process, which all tests share that send estimators to another process."""
    return ProcessPoolExecutor(1, mp_context=_forking() or get_context("spawn"))


class Started:
    """A process that runs Python code; `wait` gives what it has said.

    With `stderr` it says its errors there, to a terminal.
    """

    def __init__(
        self, code: str, *arguments: object, cwd: Path | None = None, stderr: str | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._said = [Path(self._folder.name, name) for name in ("stdout", "stderr")]
        if stderr is not None:
            self._said[1].symlink_to(stderr)
        self._command = [sys.executable, "-c", code, *map(str, arguments)]
        how = (self._command[2:], dict(os.environ), os.fspath(cwd or Path.cwd()), self._said)
        if context := _forking():
            self._process = context.Process(target=_run, args=how)
            self._process.start()
        else:
            out, err = (path.open("w") for path in self._said)
            self._process = subprocess.Popen(self._command, stdout=out, stderr=err, cwd=cwd)
            for file in (out, err):
                file.close()

    def wait(self) -> subprocess.CompletedProcess[str]:
        if isinstance(self._process, subprocess.Popen):
            status = self._process.wait()
        else:
            self._process.join()
            status = self._process.exitcode
        out, err = ("" if path.is_symlink() else path.read_text() for path in self._said)
        self._folder.cleanup()
        return subprocess.CompletedProcess(self._command, status, out, err)


def _run(command: list[str], environment: dict[str, str], folder: str, said: list[Path]) -> None:
    """Run code in this process, which is new, as ``python -c`` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(said, start=1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["-c", *command[1:]]
    exec(compile(command[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102


def run_python(
    code: str, *arguments: object, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return Started(code, *arguments, cwd=cwd).wait()


def run_skood(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of skood in a process of its own."""
    return run_python(SKOOD, *arguments, cwd=cwd)
