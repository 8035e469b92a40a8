"""Rows on disk: peak memory, and the time of a search beside the one in memory.

    python benchmarks/cost/_scale/out_of_core.py           # minutes: 5 million rows, 1.28 GB
    python benchmarks/cost/_scale/out_of_core.py --quick   # 200,000 rows, to try the script

Each figure comes from a new process, which holds the memory of nothing else.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # where _common is

import skood
from _common.memory import measured_in_new_process
from _common.report import markdown_table
from _common.timing import use_two_threads

N_ROWS, N_COLUMNS, N_QUERIES = 5_000_000, 64, 2_000
QUICK_ROWS = 200_000
MEMORY_LIMIT = 1e9  # bytes
TIME_LIMIT = 1.3  # times the search in memory
SAME = 1e-6  # relative difference of scores
N_ROUNDS = 2
THRESHOLD_SAMPLES = 1_000
DETECTORS = {"kNN": "KNNOutlierDetector", "LCP": "LCPOutlierDetector"}
_BLOCK = 100_000

METHOD = """\
{n:,} × {d} rows of float32 in a .npy file ({size:.2f} GB), {m:,} queries, two threads,
threshold_samples={threshold:,}. "Disk": fitted on a memory map of the file; "memory": on the array
read from it. Peak: the highest resident memory (VmHWM) of a process that fits and scores on disk,
with Python, all libraries and mapped pages of the file. Times: one process fits both and scores
with them in turns; the lesser of {rounds} rounds. 1 GB = 10⁹ bytes."""


def write_rows(path: Path, n: int, seed: int = 0) -> None:
    """Rows of eight clusters in a .npy file, block by block."""
    generator = np.random.default_rng(seed)
    centres = 3.0 * np.random.default_rng(0).normal(size=(8, N_COLUMNS))
    rows = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=(n, N_COLUMNS))
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        block = generator.standard_normal((size, N_COLUMNS), dtype=np.float32)
        rows[start : start + size] = block + centres[generator.integers(0, 8, size)]
    rows.flush()


def fitted(detector: str, folder: Path, *, on_disk: bool) -> tuple[Any, float]:
    """A detector fitted on the file or on the array read from it, and the seconds it took."""
    X = np.load(folder / "rows.npy", mmap_mode="r" if on_disk else None)
    start = time.perf_counter()
    fitted_detector = getattr(skood, detector)(
        threshold_samples=THRESHOLD_SAMPLES, random_state=0
    ).fit(X)
    return fitted_detector, time.perf_counter() - start


def measure_disk(detector: str, folder: Path) -> dict[str, Any]:
    """Fit and score on disk, in a process that does nothing else."""
    use_two_threads()
    Q = np.load(folder / "queries.npy")
    fitted_detector, fit_s = fitted(detector, folder, on_disk=True)
    start = time.perf_counter()
    fitted_detector.score_samples(Q)
    return {"fit": fit_s, "score": time.perf_counter() - start, "peak": peak_bytes()}


def measure_turns(detector: str, folder: Path) -> dict[str, Any]:
    """Score in turns on disk and in memory, so that the load of the machine affects both."""
    use_two_threads()
    Q = np.load(folder / "queries.npy")
    disk, fit_disk = fitted(detector, folder, on_disk=True)
    memory, fit_memory = fitted(detector, folder, on_disk=False)
    scores: dict[str, Any] = {}
    wall: dict[str, list[float]] = {"disk": [], "memory": []}
    processor: dict[str, list[float]] = {"disk": [], "memory": []}
    for _ in range(N_ROUNDS):
        for where, fitted_detector in (("disk", disk), ("memory", memory)):
            start, used = time.perf_counter(), time.process_time()
            scores[where] = fitted_detector.score_samples(Q)
            wall[where].append(time.perf_counter() - start)
            processor[where].append(time.process_time() - used)
    return {
        "fit": {"disk": fit_disk, "memory": fit_memory},
        "wall": {where: min(taken) for where, taken in wall.items()},
        "processor": {where: min(taken) for where, taken in processor.items()},
        "difference": float(np.abs(scores["disk"] / scores["memory"] - 1.0).max()),
    }


MEASURES = {"disk": measure_disk, "turns": measure_turns}


def peak_bytes() -> float:
    """The highest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    factor = 1 if sys.platform == "darwin" else 1024
    return float(factor * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_a_process(detector: str, measure: str, folder: Path) -> dict[str, Any]:
    """The figures of a measure in a new process."""
    return measured_in_new_process(__file__, "--measure", detector, measure, str(folder))


def out_of_core(n: int = N_ROWS) -> tuple[str, bool]:
    """The table of figures beside the requirements, and whether all are met."""
    lines, met = [], True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.npy", n)
        write_rows(folder / "queries.npy", N_QUERIES, seed=1)
        for label, detector in DETECTORS.items():
            peak = in_a_process(detector, "disk", folder)["peak"]
            turns = in_a_process(detector, "turns", folder)
            ratios = [
                taken["disk"] / taken["memory"] for taken in (turns["wall"], turns["processor"])
            ]
            met &= peak < MEMORY_LIMIT and ratios[0] <= TIME_LIMIT and turns["difference"] <= SAME
            lines.append(
                [
                    label,
                    f"{peak / 1e9:.2f} GB",
                    *(f"{turns['fit'][where]:.0f} s" for where in ("disk", "memory")),
                    *(f"{turns['wall'][where]:.1f} s" for where in ("disk", "memory")),
                    *(f"{ratio:.2f}" for ratio in ratios),
                    f"{turns['difference']:.0e}",
                ]
            )
    head = ["", "peak", "fit, disk", "fit, memory", "score, disk", "score, memory"]
    head += ["ratio", "ratio of processor time", "largest difference"]
    method = METHOD.format(
        n=n,
        d=N_COLUMNS,
        m=N_QUERIES,
        size=4 * n * N_COLUMNS / 1e9,
        threshold=THRESHOLD_SAMPLES,
        rounds=N_ROUNDS,
    )
    return f"{method}\n\n{markdown_table(head, lines)}", met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        detector, measure, folder = arguments.measure
        print(json.dumps(MEASURES[measure](detector, Path(folder))))
        return 0
    text, met = out_of_core(QUICK_ROWS if arguments.quick else N_ROWS)
    print(text)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
