"""On paper: machines and hours for 10^8 references and 10^9 queries, from measured constants."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from _common.peers import gaussian_rows, recall
from _common.report import markdown_table
from _common.timing import N_THREADS, use_two_threads
from skood.neighbors import ExactIndex, FaissIndex

REFERENCES, QUERIES, COLUMNS, K = 10**8, 10**9, 768, 15
CHUNK = 8_192  # queries in a task
# The assumed machine.
CORES, MEMORY, USED, NETWORK = 64, 512e9, 0.6, 1.25e9
N_CLUSTERS, SPREAD = 200, 2.0
FEWER = 8  # times fewer rows, to measure how the visited rows grow
PATIENCE = 24.0  # hours


@dataclass(frozen=True)
class Cells:
    """An IVF index of n rows, tuned for its target recall."""

    n: int
    n_cells: int
    nprobe: int
    recall: float
    seconds: float
    """Core-seconds for a query, a visited row and a column."""
    build: float
    """Core-seconds to build it, for a row, a cell and a column."""
    value_bytes: int

    @property
    def visited(self) -> float:
        """Rows that a query is compared with: all centres, and the rows of some cells."""
        return self.n_cells + self.nprobe * self.n / self.n_cells


@dataclass(frozen=True)
class Constants:
    """The measured constants."""

    exact: float
    """Core-seconds for a query, a reference row and a column."""
    fewer: Cells
    more: Cells
    per_task: float
    """Processor seconds of Dask's scheduler for a task."""

    @property
    def power(self) -> float:
        """The visited rows grow with this power of the number of rows."""
        visited = math.log(self.more.visited / self.fewer.visited)
        return visited / math.log(self.more.n / self.fewer.n)

    def visited(self, n: float) -> float:
        """Visited rows in a shard of n rows, by that power."""
        return self.more.visited * (n / self.more.n) ** self.power

    def held(self, *, exact: bool) -> float:
        """Bytes of an index for each byte of its rows."""
        # hashes, positions and halves of squared lengths; IVF has a copy and its numbers besides
        copy = 0.0 if exact else (8 + COLUMNS * self.more.value_bytes) / (4 * COLUMNS)
        return 1 + (8 + 8 + 4) / (4 * COLUMNS) + copy


def measure_constants(n: int, m: int, per_task: float) -> Constants:
    """Exact and IVF search of clustered rows, like embeddings, with two threads."""
    use_two_threads()
    X, Q = clustered_rows(n, seed=0), clustered_rows(m, seed=1)
    exact = ExactIndex(n_jobs=N_THREADS).fit(X)
    seconds, _ = _shortest(lambda: exact.query(Q, K))
    a_pair = seconds / (m * n * COLUMNS)
    return Constants(a_pair, _cells(X[: n // FEWER], Q), _cells(X, Q), per_task)


def _cells(X: NDArray, Q: NDArray) -> Cells:
    nearest = ExactIndex(n_jobs=N_THREADS).fit(X).query(Q, K).indices
    start = time.process_time()
    index = FaissIndex(exact_below=0, random_state=0, n_jobs=N_THREADS).fit(X)
    build = time.process_time() - start
    seconds, answer = _shortest(lambda: index.query(Q, K))
    n, n_cells, nprobe = len(X), int(index.n_cells_ or 1), int(index.nprobe_ or 1)
    return Cells(
        n,
        n_cells,
        nprobe,
        recall(answer.indices, nearest),
        seconds / (len(Q) * (n_cells + nprobe * n / n_cells) * COLUMNS),
        build / (n * n_cells * COLUMNS),
        1 if index.compressed_ else 4,
    )


def clustered_rows(n: int, seed: int) -> NDArray:
    """Gaussian clusters about the same centres, whatever the seed."""
    centres = SPREAD * gaussian_rows(N_CLUSTERS, COLUMNS, seed=1_000)
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, COLUMNS), dtype=np.float32)
    rows += centres[rng.integers(N_CLUSTERS, size=n)]
    return rows


def _shortest(search) -> tuple[float, NDArray]:
    """The least processor time of three runs, which depends little on other programs."""
    took, answer = [], None
    for _ in range(3):
        start = time.process_time()
        answer = search()
        took.append(time.process_time() - start)
    return min(took), answer


@dataclass(frozen=True)
class Plan:
    """The machines and hours of a way to search."""

    name: str
    machines: int
    build_hours: float
    core_hours: float
    network_hours: float
    scheduler_hours: float

    @property
    def hours(self) -> float:
        """After the build, computing, sending and scheduling take place at the same time."""
        computing = self.core_hours / (self.machines * CORES)
        return self.build_hours + max(computing, self.network_hours, self.scheduler_hours)


def plan(name: str, measured: Constants, groups: int, *, exact: bool) -> Plan:
    """The hours of some groups of machines, each of which holds all references."""
    shards = fewest_machines(measured.held(exact=exact))
    rows = REFERENCES / shards
    if exact:
        a_query, build = measured.exact * rows * COLUMNS, 0.0
    else:
        a_query = measured.more.seconds * measured.visited(rows) * COLUMNS
        build = measured.more.build * rows * 4 * math.sqrt(rows) * COLUMNS / CORES / 3600
    queries = QUERIES / groups
    to_a_machine = queries * (4 * COLUMNS + 16 * (K + 1)) / NETWORK / 3600
    tasks = queries / CHUNK * (shards + 3)
    return Plan(
        name,
        shards * groups,
        build,
        QUERIES * a_query * shards / 3600,
        to_a_machine,
        tasks * measured.per_task / 3600,
    )


def fewest_machines(held: float) -> int:
    """The fewest machines whose usable memory holds the references."""
    return math.ceil(REFERENCES * COLUMNS * 4 * held / (MEMORY * USED))


def within_patience(name: str, measured: Constants, *, exact: bool) -> Plan:
    """The plan with the fewest groups that finish within a day."""
    groups = 1
    while (quickest := plan(name, measured, groups, exact=exact)).hours > PATIENCE:
        groups += 1
    return quickest


def on_paper(measured: Constants) -> str:
    """The table and its assumptions."""
    plans = []
    for exact, kind in ((True, "exact"), (False, "IVF")):
        plans.append(plan(f"{kind}, as few as hold it", measured, 1, exact=exact))
        plans.append(within_patience(f"{kind}, in a day", measured, exact=exact))
    lines = [
        [
            way.name,
            f"{way.machines:,}",
            f"{way.core_hours:,.0f}",
            f"{way.build_hours:.2g}",
            f"{way.network_hours:.2g}",
            f"{way.scheduler_hours:.2g}",
            f"{way.hours:,.0f}" if way.hours >= 10 else f"{way.hours:.2g}",
        ]
        for way in plans
    ]
    head = ["", "machines", "core-hours", "build, h", "network, h", "scheduler, h", "together, h"]
    return f"{_basis(measured)}\n\n{markdown_table(head, lines)}"


def _basis(c: Constants) -> str:
    memory, network = f"{MEMORY / 1e9:.0f}", f"{NETWORK / 1e9:.2f}"
    gigabytes, gigaflops = REFERENCES * COLUMNS * 4 / 1e9, 2e-9 / c.exact
    sizes = "; ".join(
        f"of {cells.n:,} rows {cells.n_cells:,} cells, {cells.nprobe} of them visited, "
        f"{cells.visited:,.0f} rows a query, recall {cells.recall:.3f}"
        for cells in (c.fewer, c.more)
    )
    return f"""\
{REFERENCES:,} × {COLUMNS} references (float32, {gigabytes:.0f} GB) and {QUERIES:,} queries, k {K}.
**A calculation, not a measurement.** Assumptions: machines of {CORES} cores like those here and
{memory} GB, of which {100 * USED:.0f} % may hold references, with {network} GB/s of network each. A
group of machines holds all references, one shard a machine, and each of its queries goes to all of
its shards, in chunks of {CHUNK:,}. Groups share the queries. Each has a scheduler, and computes,
sends and schedules at the same time.

Measured here on {c.more.n:,} × {COLUMNS} rows in {N_CLUSTERS} clusters, two threads, by their
processor time:

- exact: {c.exact:.2e} core-seconds for a query, a row and a column, {gigaflops:.0f} Gflop/s a core;
- IVF at its default target recall of 0.95: {sizes}. So the visited rows grow with the power
  {c.power:.2f} of the rows, by assumption also up to a shard;
- IVF: {c.more.seconds:.2e} core-seconds for a query, a visited row and a column; the build
  {c.more.build:.2e} for a row, a cell and a column;
- Dask: {1e3 * c.per_task:.1f} ms of the scheduler's and client's processor time for a task."""
