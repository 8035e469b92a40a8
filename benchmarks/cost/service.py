"""One row at a time over HTTP: the service of the recipe, beside the detector's own time.

    python benchmarks/cost/service.py               # a minute; needs the extra `recipes`
    python benchmarks/cost/service.py --rows 200    # nothing is written

The recipe's code runs as it stands on its page, with uvicorn in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

import skood
from _common.report import judged, markdown_table, write_result

LIMIT = 3.0  # ms at the median over the detector's own time
ROWS, AT_ONCE = 3000, 100
JSON = {"Content-Type": "application/json"}
PACKAGES = ["skood", "numpy", "pandas", "fastapi", "uvicorn"]
RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "service.md"

METHOD = """\
The service is that of the [recipe](../recipes/service.md): FastAPI, one row of three columns (two
numbers, a category) as JSON, a detector of 1,500 training and 500 calibration rows. uvicorn runs in
a process of its own on this machine, and one client asks over one connection that stays open. "The
detector alone" is `p_values` of the same row as a frame, in this process, without HTTP. A
hundred requests and a hundred calls alternate, so that both see the same machine; the first hundred
of each do not count."""


def recipe_parts() -> list[str]:
    """The recipe's blocks of Python: fit and save, write the service, ask it."""
    text = RECIPE.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connected(port: int) -> HTTPConnection:
    """One connection that stays open."""
    client = HTTPConnection("127.0.0.1", port)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            client.connect()
            return client
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError("the service did not start within two minutes")


def times_of(
    client: HTTPConnection, detector: skood.ConformalOutlierDetector, rows: int
) -> np.ndarray:
    """Milliseconds of requests and of the detector alone, as two columns."""
    rng = np.random.default_rng(1)
    times = []
    for _ in range(1 + rows // AT_ONCE):
        orders = [
            {"weight": rng.normal(2.0, 0.3), "price": rng.normal(24.0, 4.0), "country": "BE"}
            for _ in range(AT_ONCE)
        ]
        asked = [timed(lambda order=order: ask(client, order)) for order in orders]
        frames = [pd.DataFrame([order]) for order in orders]
        alone = [timed(lambda frame=frame: detector.p_values(frame)[0]) for frame in frames]
        assert [p_value for p_value, _ in asked] == [p_value for p_value, _ in alone]
        times.append([[ms for _, ms in asked], [ms for _, ms in alone]])
    return np.concatenate(times[1:], axis=1).T


def ask(client: HTTPConnection, order: dict[str, object]) -> float:
    client.request("POST", "/score", json.dumps(order), JSON)
    return json.load(client.getresponse())["p_value"]


def timed(call: Callable[[], float]) -> tuple[float, float]:
    """The result, and the milliseconds."""
    start = perf_counter()
    result = call()
    return result, 1e3 * (perf_counter() - start)


def measure(rows: int) -> np.ndarray:
    port = free_port()
    fit, service, *_ = recipe_parts()
    exec(fit, {"__name__": "__main__"})  # noqa: S102
    Path("service.py").write_text(service, encoding="utf-8")
    command = [sys.executable, "-m", "uvicorn", "service:app", "--port", str(port)]
    process = subprocess.Popen([*command, "--log-level", "warning"])
    try:
        return times_of(connected(port), skood.load("detector.skood"), rows)
    finally:
        process.terminate()
        process.wait()


def priority() -> str:
    """What a reader must know of a machine that others used too."""
    realtime = hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) == os.SCHED_RR
    return "; service and client had real-time priority (`chrt -r 20`)" if realtime else ""


def report(times: np.ndarray) -> str:
    service, alone = np.percentile(times, [50, 95, 99], axis=0).T
    more = service[0] - alone[0]
    lines = [
        ["the service", *(f"{ms:.2f} ms" for ms in service)],
        ["the detector alone", *(f"{ms:.2f} ms" for ms in alone)],
    ]
    table = markdown_table(["one row", "p50", "p95", "p99"], lines)
    return (
        f"{METHOD}\n\n{table}\n\n{len(times):,} rows each. The load average of the machine was "
        f"{os.getloadavg()[0]:.1f}{priority()}.\n\n## Requirements\n\n"
        f"- At the median the service takes {more:.2f} ms more than the detector alone: "
        f"{LIMIT:.0f} ms at most {judged(more <= LIMIT)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        times = measure(rows)
        os.chdir("/")  # a folder in use cannot be removed everywhere
    if rows != ROWS:
        print(report(times))  # a partial run must not replace the page
        return
    write_result("service", "python benchmarks/cost/service.py", PACKAGES, report(times))


if __name__ == "__main__":
    main()
