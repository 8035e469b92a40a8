"""Every method on every stream, kept in files: what is there is not measured again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from _common.report import say
from skood import make_outlier_detector
from skood.monitoring import ConformalMonitor

from .peers import PEERS, Feed
from .sets import MonitorSet, draw
from .streams import BATCH, Stream, make_stream

ALPHAS = (0.01, 0.05)
HIGHEST = "skood e-values"
_SKOOD = "skood at "
_NEVER = 1e-12  # an alpha that raises no alarm, so that the stream goes on


class Run(NamedTuple):
    """One stream."""

    name: str
    """Of the set."""
    seed: int
    kind: str


class Cache:
    """What the methods said of the runs, one file a method and one line a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, dict[Run, Any]] = {}

    def of(self, method: str) -> dict[Run, Any]:
        """All that is known of the method."""
        if method not in self._known:
            path = self._path(method)
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            rows = [json.loads(line) for line in lines]
            self._known[method] = {Run(*row[:3]): row[3] for row in rows}
        return self._known[method]

    def keep(self, method: str, run: Run, value: Any) -> None:
        """Add a line."""
        self.of(method)[run] = value
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._path(method).open("a", encoding="utf-8") as file:
            file.write(json.dumps([*run, value]) + "\n")

    def _path(self, method: str) -> Path:
        return self.folder / f"{method.replace(' ', '-').replace(',', '')}.jsonl"


def measure(
    sets: Iterable[MonitorSet],
    seeds: Iterable[int],
    kinds: Sequence[str],
    methods: Sequence[str],
    cache: Cache,
) -> None:
    """Measure what is not known yet: one fit for all streams of a set and a seed."""
    sets = list(sets)
    for seed in seeds:
        for one in sets:
            runs = [Run(one.name, seed, kind) for kind in kinds]
            if any(run not in cache.of(method) for run in runs for method in methods):
                _measure_runs(one, runs, methods, cache)
                say(f"monitor: {one.name}, run {seed}")


def skood(alpha: float) -> str:
    """The name of the monitor of this package."""
    return f"{_SKOOD}{alpha:g}"


def make_detector(one: MonitorSet) -> Any:
    """The preset for the rows of the set."""
    return make_outlier_detector("embedding" if one.name.startswith("CV_") else "tabular-fast")


def _measure_runs(
    one: MonitorSet, runs: Sequence[Run], methods: Sequence[str], cache: Cache
) -> None:
    seed, drawn = runs[0].seed, draw(one, runs[0].seed)
    monitor = ConformalMonitor(make_detector(one), random_state=seed).fit(drawn.fit)
    conformal, known = monitor.detector_, {}
    for run in runs:
        stream = make_stream(run.kind, drawn, conformal.score_samples, seed)
        missing = [name for name in methods if run not in cache.of(name)]
        scores = conformal.score_samples(stream.rows) if missing else np.empty(0)
        feed = Feed(drawn.fit, stream.rows, conformal.training_scores_, scores, seed, known)
        for name in missing:
            if name in PEERS:
                found: Any = records(PEERS[name](feed))
            elif name == HIGHEST:
                found = highest(monitor, stream)
            else:
                alpha = float(name.removeprefix(_SKOOD))
                found = watch(monitor.set_params(alpha=alpha).reset(), stream)
            cache.keep(name, run, found)


def watch(monitor: ConformalMonitor, stream: Stream) -> dict[str, Any]:
    """Batches of the stream up to the first alarm, and what the monitor then says of it."""
    for start in range(0, len(stream.rows), BATCH):
        if monitor.update(stream.rows[start : start + BATCH]).alarm:
            alarm = monitor.alarms_[0]
            since = monitor.since_
            found: dict[str, Any] = {
                "row": int(alarm["row"]),
                "stream": str(alarm["stream"]),
                "since": [since.row, since.earliest, since.latest],
            }
            if stream.column is not None:
                named = list(monitor.changes()["column"])
                found["place"] = named.index(f"x{stream.column}")
            return found
    return {}


def highest(monitor: ConformalMonitor, stream: Stream) -> list[tuple[int, float]]:
    """The highest e-value of the whole stream, as the record of a peer."""
    monitor.set_params(alpha=_NEVER).reset()
    for start in range(0, len(stream.rows), BATCH):
        monitor.update(stream.rows[start : start + BATCH])
    return [(len(stream.rows) - 1, float(monitor.history_["max_e_value"].max()))]


def records(path: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Where the path of a statistic is higher than ever before, and how high."""
    best = np.maximum.accumulate(path)
    is_record = best > np.concatenate([[-np.inf], best[:-1]])
    return [(int(i), round(float(best[i]), 6)) for i in np.flatnonzero(is_record)]


def runs_of(names: Iterable[str], seeds: Iterable[int], kind: str) -> Iterator[Run]:
    """The runs of one kind."""
    return (Run(name, seed, kind) for seed in seeds for name in names)
