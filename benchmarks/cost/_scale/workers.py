"""Strong and weak scaling of scoring and of a search over shards, on one and two workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from _common.peers import gaussian_rows
from _common.report import markdown_table
from _common.timing import alternate, paired_ratio, timed, use_two_threads
from skood import KNNOutlierDetector, open_rows
from skood.parallel import DaskOutlierDetector, ShardedIndex

LEAST_SHARE = 0.85
HERE, ONE, TWO = "this process, two threads", "one worker", "two workers"
N_TASKS = 300

METHOD = """\
kNN, {n:,} training rows of {d} columns, float32. {m:,} new rows in a memory-mapped file, in chunks
of {chunk:,}; each worker is a process with one thread. The detector is on the workers before the
clock starts; reading the file, and bringing the scores together, are timed. Medians of {runs}
alternating runs. Processor time is that of this process and the workers; on a shared machine it
says more than the clock. Weak: the same number of rows for each worker."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of the rows, queries and chunks."""

    n: int = 50_000
    m: int = 24_000
    d: int = 64
    chunk: int = 2_000
    sharded_rows: int = 1_000_000
    sharded_queries: int = 1_000
    runs: int = 5


QUICK = Sizes(n=20_000, m=16_000, sharded_rows=100_000, runs=3)


@dataclass(frozen=True)
class Scaling:
    """The tables, the share of the throughput in process, and the scheduler's time for a task."""

    text: str
    share: float
    seconds_per_task: float

    @property
    def met(self) -> bool:
        """Whether two workers are as fast as is required."""
        return self.share >= LEAST_SHARE


@contextmanager
def clusters() -> Iterator[dict[str, Client]]:
    """Clients of a cluster of one worker process, and of one of two; none is the default."""
    with ExitStack() as stack:
        clients = {}
        for name, n_workers in ((ONE, 1), (TWO, 2)):
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":0",
                    memory_limit=0,
                )
            )
            clients[name] = stack.enter_context(Client(cluster, set_as_default=False))
        yield clients


def measure_scaling(sizes: Sizes, folder: Path) -> Scaling:
    """Run everything; `folder` is for the rows."""
    use_two_threads()
    path = folder / "new_rows.npy"
    np.save(path, gaussian_rows(sizes.m, sizes.d, seed=1))
    rows = open_rows(path)  # pickled by its path: each worker reads the chunks that it scores
    detector = KNNOutlierDetector(algorithm="exact", threshold_samples=500, random_state=0)
    detector.fit(gaussian_rows(sizes.n, sizes.d))
    with clusters() as clients:
        per_task = seconds_per_task(clients[TWO])
        whole, share = _scoring(detector, rows, clients, sizes)
        half = _weak(detector, rows, clients, sizes)
        shards = _over_shards(clients, sizes)
    method = METHOD.format(**vars(sizes))
    text = "\n\n".join([method, whole, half, "Search over shards:", shards])
    return Scaling(text, share, per_task)


def seconds_per_task(client: Client) -> float:
    """Processor time of scheduler and client, which are in this process, for a task.

    It limits the number of tasks a second. The latency of a task does not, since a worker has the
    next task before it finishes one.
    """
    took = []
    for _ in range(3):  # the first one brings the function to the workers
        start = time.process_time()
        client.gather(client.map(_nothing, range(N_TASKS), pure=False))
        took.append(time.process_time() - start)
    return min(took) / N_TASKS


def _nothing(number: int) -> int:
    return number


def _lazy(detector: Any, rows: Any, chunk: int, client: Client) -> Any:
    """The scores as a collection that this client computes; the detector is sent there."""
    with client.as_current():
        chunked = da.from_array(rows, chunks=(chunk, -1))
        return DaskOutlierDetector(detector).score_samples(chunked)


def _computed(scores: Any, client: Client) -> np.ndarray:
    return client.gather(client.compute(scores))


def _scoring(
    detector: Any, rows: Any, clients: dict[str, Client], sizes: Sizes
) -> tuple[str, float]:
    runs = {HERE: lambda: detector.score_samples(rows)}
    for name, client in clients.items():
        runs[name] = partial(_computed, _lazy(detector, rows, sizes.chunk, client), client)
    processor: dict[str, list[float]] = {name: [] for name in runs}
    noted = {name: _noting(run, processor[name], clients.get(name)) for name, run in runs.items()}
    took = alternate(noted, sizes.runs)
    share = paired_ratio(took[HERE], took[TWO])
    remarks = ["", "", f"{paired_ratio(took[ONE], took[TWO])} × one worker; {share} of {HERE}"]
    lines = [
        [
            name,
            f"{median(seconds):.2f} s",
            f"{sizes.m / median(seconds):,.0f}",
            f"{median(processor[name][1:]):.2f} s",  # the first run does not count
            remark,
        ]
        for (name, seconds), remark in zip(took.items(), remarks, strict=True)
    ]
    head = ["strong scaling", f"{sizes.m:,} rows", "rows a second", "processor time", ""]
    return markdown_table(head, lines), share.median


def _noting(run: Any, seconds: list[float], client: Client | None) -> Any:
    """A timed run that also notes the processor time of this process and of the workers."""

    def noted() -> float:
        before = _processor_seconds(client)
        took = timed(run)()
        seconds.append(_processor_seconds(client) - before)
        return took

    return noted


def _processor_seconds(client: Client | None) -> float:
    workers = [] if client is None else client.run(time.process_time).values()
    return time.process_time() + sum(workers)


def _weak(detector: Any, rows: Any, clients: dict[str, Client], sizes: Sizes) -> str:
    half = sizes.m // 2
    runs, counts = {}, {ONE: half, TWO: 2 * half}
    for name, count in counts.items():
        scores = _lazy(detector, rows, sizes.chunk, clients[name])[:count]
        runs[name] = timed(partial(_computed, scores, clients[name]))
    took = alternate(runs, sizes.runs)
    kept = paired_ratio(took[ONE], took[TWO])
    lines = [
        [name, f"{counts[name]:,}", f"{median(seconds):.2f} s", note]
        for (name, seconds), note in zip(took.items(), ["", f"efficiency {kept}"], strict=True)
    ]
    return markdown_table(["weak scaling", "rows", "time", ""], lines)


def _over_shards(clients: dict[str, Client], sizes: Sizes) -> str:
    """Queries of this process by two shards, on one worker and on two."""
    n, d, m = sizes.sharded_rows, sizes.d, sizes.sharded_queries
    Q = gaussian_rows(m, d, seed=2)
    runs = {}
    for name, client in clients.items():
        generator = da.random.default_rng(0)
        X = generator.standard_normal((n, d), chunks=(n // 2, d), dtype=np.float32)
        with client.as_current():
            index = ShardedIndex().fit(X)
        runs[name] = timed(partial(_query, index, Q, client))
    took = alternate(runs, sizes.runs)
    ratio = paired_ratio(took[ONE], took[TWO])
    lines = [
        [name, f"{median(seconds):.2f} s", note]
        for (name, seconds), note in zip(took.items(), ["", f"{ratio} × one worker"], strict=True)
    ]
    head = [f"two shards, together {n:,} × {d} rows", f"{m:,} queries, k 15", ""]
    return markdown_table(head, lines)


def _query(index: ShardedIndex, Q: np.ndarray, client: Client) -> Any:
    with client.as_current(), dask.config.set(scheduler=client):
        return index.query(Q, 15)
