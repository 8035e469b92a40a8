"""Alternating runs on two threads, and the ratios of their times."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from threadpoolctl import threadpool_info, threadpool_limits

from _common.peers import is_installed

N_THREADS = 2
# OpenBLAS's threads spin for work after each product, for 2**28 cycles: 0.135 s at 2 GHz. They
# would take a processor from the next run.
_PAUSE = 0.2

Seconds = Callable[[], float]


def use_two_threads() -> None:
    """Two threads for every BLAS and OpenMP in the process, those of the peers included."""
    if is_installed("faiss"):
        _give_faiss_the_kernels_of_numpy()
        import faiss  # loaded before the limit is set, since it brings libraries of its own

        faiss.omp_set_num_threads(N_THREADS)
    threadpool_limits(N_THREADS)


def _give_faiss_the_kernels_of_numpy() -> None:
    """By default its old OpenBLAS takes generic ones on newer processors, 4 times as slow."""
    libraries = threadpool_info()
    kernels = [lib["architecture"] for lib in libraries if lib["internal_api"] == "openblas"]
    if kernels:
        newer = {"SapphireRapids": "SkylakeX", "Cooperlake": "SkylakeX"}
        os.environ.setdefault("OPENBLAS_CORETYPE", newer.get(kernels[0], kernels[0]))


def timed(function: Callable[[], object], *, at_least: float = 0.0) -> Seconds:
    """A run of the function that returns the seconds it took.

    With `at_least`, a run is as many calls as take that many seconds, and returns their mean.
    """

    def run() -> float:
        calls, start = 0, time.perf_counter()
        while True:
            function()
            calls += 1
            took = time.perf_counter() - start
            if took >= at_least:
                return took / calls

    return run


def clocked(run: Callable[[], object], spent: list[float]) -> Seconds:
    """A run that returns its seconds, and adds those of the processor to `spent`."""

    def seconds() -> float:
        start, start_of_processor = time.perf_counter(), time.process_time()
        run()
        spent.append(time.process_time() - start_of_processor)
        return time.perf_counter() - start

    return seconds


def bare_forward(module: Any, batches: list[Any]) -> Callable[[], None]:
    """A run of a torch module over batches, without gradients."""
    import torch

    def run() -> None:
        module.eval()
        with torch.no_grad():
            for batch in batches:
                module(batch)

    return run


def alternate(
    contestants: Mapping[str, Seconds],
    n_runs: int,
    *,
    once: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """Seconds of every contestant in runs A B C, A B C, ..., after a warm-up.

    Contestants in `once` take minutes: they run a single time, without a warm-up.
    """
    for name, run in contestants.items():
        if name not in once:
            run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(n_runs):
        for name, run in contestants.items():
            if name in once and number > 0:
                continue
            gc.collect()
            time.sleep(_PAUSE)
            seconds[name].append(run())
            say(f"{name} {seconds[name][-1]:.3g} s")
    return seconds


@dataclass(frozen=True)
class Ratio:
    """Median and range of the ratios of paired runs."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        span = f" ({_short(self.least)}–{_short(self.most)})" if self.least < self.most else ""
        return _short(self.median) + span


def paired_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Ratio of each pair of neighbouring runs; a single run is paired with all of the other."""
    n_runs = max(len(numerator), len(denominator))
    pairs = zip(_repeated(numerator, n_runs), _repeated(denominator, n_runs), strict=True)
    ratios = [a / b for a, b in pairs]
    return Ratio(median(ratios), min(ratios), max(ratios))


def in_seconds(runs: Sequence[float]) -> str:
    """The median with its unit."""
    value = median(runs)
    return f"{1e3 * value:.2f} ms" if value < 0.02 else f"{value:.3g} s"


def _repeated(values: Sequence[float], n: int) -> list[float]:
    return list(values) * n if len(values) == 1 else list(values)


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
