"""The promises of the monitor alone: few false alarms, ever; time, memory, size of its file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import skood
from _common.memory import MB, resident
from _common.report import say
from skood import MahalanobisOutlierDetector, make_outlier_detector
from skood.monitoring import ConformalMonitor

from .measured import Cache, Run
from .sets import N_FIT, MonitorSet, draw

QUIET_SET = "Classical/32_shuttle"  # 45,586 rows: whole numbers with many ties
QUIET_ROWS = 10_000
_QUIET_BATCH = 500
_QUIET = "quiet"
ALPHA = 0.01
_N_SINGLE = 1_000


def quiet_streams(rows: NDArray, n: int, cache: Cache) -> list[float]:
    """The highest e-value ever of each of n streams of exchangeable rows, up to an alarm at 1 %."""
    found = []
    for seed in range(n):
        run = Run(QUIET_SET, seed, _QUIET)
        if run not in cache.of(_QUIET):
            cache.keep(_QUIET, run, _highest(rows, seed))
            if seed % 50 == 0:
                say(f"quiet stream {seed} of {n}")
        found.append(cache.of(_QUIET)[run])
    return found


def _highest(rows: NDArray, seed: int) -> float:
    order = np.random.default_rng(seed).permutation(len(rows))[: N_FIT + QUIET_ROWS]
    X = rows[order]
    monitor = ConformalMonitor(MahalanobisOutlierDetector(), alpha=ALPHA, random_state=seed)
    monitor.fit(X[:N_FIT])
    for start in range(N_FIT, len(X), _QUIET_BATCH):
        if monitor.update(X[start : start + _QUIET_BATCH]).alarm:
            break
    return float(monitor.history_["max_e_value"].max())


class Cost(NamedTuple):
    """Seconds of one row."""

    name: str
    n_columns: int
    score: float
    update: float


def cost(one: MonitorSet, kind: str, n: int = 400) -> Cost:
    """Median seconds to score a row and to update by it, in turns."""
    drawn = draw(one, 0)
    monitor = ConformalMonitor(make_outlier_detector(kind), random_state=0).fit(drawn.fit)
    spent: dict[str, list[float]] = {"score": [], "update": []}
    steps = {"score": monitor.detector_.score_samples, "update": monitor.update}
    for i in range(n):
        row = drawn.usual[i : i + 1]
        for name, step in steps.items():
            start = perf_counter()
            step(row)
            spent[name].append(perf_counter() - start)
    return Cost(
        f'{one.name}, "{kind}"', drawn.fit.shape[1], median(spent["score"]), median(spent["update"])
    )


class Size(NamedTuple):
    """What the monitor takes after some updates."""

    n_rows: int
    resident: float
    """MB of the process."""
    file: float
    """MB of the saved monitor."""


def sizes(n_rows: int = 1_000_000, batch: int = 1_000) -> Iterator[Size]:
    """Memory and file at a tenth of the rows and after all of them, the last come one by one."""
    rng = np.random.default_rng(0)
    monitor = ConformalMonitor(MahalanobisOutlierDetector(), random_state=0)
    monitor.fit(rng.normal(size=(N_FIT, 8)))
    stops = (n_rows // 10, n_rows - _N_SINGLE)
    for seen in range(0, n_rows - _N_SINGLE, batch):
        monitor.update(rng.normal(size=(batch, 8)))
        if seen + batch in stops:
            yield _size(monitor)
    for _ in range(_N_SINGLE):
        monitor.update(rng.normal(size=(1, 8)))
    yield _size(monitor)


def _size(monitor: ConformalMonitor) -> Size:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "monitor.skood"
        skood.save(monitor, path)
        return Size(monitor.n_seen_, resident(), path.stat().st_size / MB)
