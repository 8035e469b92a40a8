"""Every method on every stream, kept in files: what is there is not measured again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from _common.report import say
from skood import ConformalOutlierDetector, make_outlier_detector
from skood.monitoring import ConformalMonitor

from .peers import PEERS, Feed
from .sets import MonitorSet, draw
from .streams import BATCH, CHANGES, NONE, Stream, make_stream

ALPHAS = (0.01, 0.05)


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
    sets: Iterable[MonitorSet], seeds: Iterable[int], kinds: list[str], cache: Cache
) -> None:
    """Measure what is not known yet: one fit for the streams of a set and a seed."""
    sets = list(sets)
    methods = [*PEERS, *map(skood, ALPHAS)]
    for seed in seeds:
        for one in sets:
            runs = [Run(one.name, seed, kind) for kind in kinds]
            if any(run not in cache.of(method) for run in runs for method in methods):
                _measure_runs(one, runs, cache)
                say(f"monitor: {one.name}, run {seed}")


def skood(alpha: float) -> str:
    """The name of the monitor of this package."""
    return f"skood at {alpha:g}"


def make_detector(one: MonitorSet) -> Any:
    """The preset for the rows of the set."""
    return make_outlier_detector("embedding" if one.name.startswith("CV_") else "tabular-fast")


def _measure_runs(one: MonitorSet, runs: list[Run], cache: Cache) -> None:
    seed, drawn = runs[0].seed, draw(one, runs[0].seed)
    # The monitor makes this detector of the same rows: all methods see the same scores.
    conformal = ConformalOutlierDetector(make_detector(one), random_state=seed).fit(drawn.fit)
    monitor = ConformalMonitor(make_detector(one), random_state=seed).fit(drawn.fit)
    assert (monitor.detector_.training_scores_ == conformal.training_scores_).all()
    known: dict[Any, Any] = {}
    for run in runs:
        stream = make_stream(run.kind, drawn, conformal.score_samples, seed)
        for alpha in ALPHAS:
            if run not in cache.of(skood(alpha)):
                watched = monitor.set_params(alpha=alpha).reset()
                cache.keep(skood(alpha), run, watch(watched, stream))
        missing = [name for name in PEERS if run not in cache.of(name)]
        scores = conformal.score_samples(stream.rows) if missing else np.empty(0)
        feed = Feed(drawn.fit, stream.rows, conformal.training_scores_, scores, seed, known)
        for name in missing:
            cache.keep(name, run, records(PEERS[name](feed)))


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


def records(path: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Where the path of a statistic is higher than ever before, and how high."""
    best = np.maximum.accumulate(path)
    is_record = best > np.concatenate([[-np.inf], best[:-1]])
    return [(int(i), round(float(best[i]), 6)) for i in np.flatnonzero(is_record)]


def all_kinds() -> list[str]:
    """No change, and all changes."""
    return [NONE, *CHANGES]


def runs_of(names: Iterable[str], seeds: Iterable[int], kind: str) -> Iterator[Run]:
    """The runs of one kind."""
    return (Run(name, seed, kind) for seed in seeds for name in names)
