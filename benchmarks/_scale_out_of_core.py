"""Rows on disk: peak memory, and the time of a search beside the one in memory.

    python benchmarks/_scale_out_of_core.py           # 5 million rows, 1.28 GB on disk: minutes
    python benchmarks/_scale_out_of_core.py --quick   # 200,000 rows, to try the script

Each figure is of a process of its own, so that one's memory is not taken for another's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _report import markdown_table
from _timing import use_two_threads

import skood

N_ROWS, N_COLUMNS, N_QUERIES = 5_000_000, 64, 2_000
QUICK_ROWS = 200_000
MEMORY_LIMIT = 1e9  # bytes
TIME_LIMIT = 1.3  # times the search in memory
THRESHOLD_SAMPLES = 1_000
DETECTORS = {"kNN": "KNNOutlierDetector", "LCP": "LCPOutlierDetector"}
_BLOCK = 100_000

METHOD = """\
{n:,} × {d} rows of float32 in a .npy file ({size:.2f} GB), {m:,} queries, two threads,
threshold_samples={threshold:,}. "Disk": fitted on a memory map of the file; "memory": on the array
read from it. Peak: the highest resident memory of the process from its start to its end, with
Python, all libraries and those pages of the file that are mapped (VmHWM). 1 GB = 10⁹ bytes."""


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


def measure(detector: str, where: str, folder: Path) -> dict[str, Any]:
    """Fit and score in this process."""
    use_two_threads()
    mode = "r" if where == "disk" else None
    X, Q = np.load(folder / "rows.npy", mmap_mode=mode), np.load(folder / "queries.npy")
    start = time.perf_counter()
    fitted = getattr(skood, detector)(threshold_samples=THRESHOLD_SAMPLES, random_state=0).fit(X)
    fit_s = time.perf_counter() - start
    score_s, scores = [], np.empty(0)
    for _ in range(2):
        start = time.perf_counter()
        scores = fitted.score_samples(Q)
        score_s.append(time.perf_counter() - start)
    np.save(folder / f"{detector}-{where}.npy", scores)
    return {"fit": fit_s, "score": min(score_s), "peak": peak_bytes()}


def peak_bytes() -> float:
    """The highest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    factor = 1 if sys.platform == "darwin" else 1024
    return float(factor * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_a_process(detector: str, where: str, folder: Path) -> dict[str, Any]:
    """What `measure` finds, in a process that begins with nothing."""
    command = [sys.executable, __file__, "--measure", detector, where, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def out_of_core(n: int = N_ROWS) -> tuple[str, bool]:
    """The table of figures beside what is required, and whether all of it is met."""
    lines, met = [], True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.npy", n)
        write_rows(folder / "queries.npy", N_QUERIES, seed=1)
        for label, detector in DETECTORS.items():
            disk, memory = (in_a_process(detector, where, folder) for where in ("disk", "memory"))
            scores = [np.load(folder / f"{detector}-{where}.npy") for where in ("disk", "memory")]
            difference = float(np.abs(scores[0] / scores[1] - 1.0).max())
            ratio = disk["score"] / memory["score"]
            met &= disk["peak"] < MEMORY_LIMIT and ratio <= TIME_LIMIT and difference <= 1e-6
            lines.append(
                [
                    label,
                    f"{disk['peak'] / 1e9:.2f} GB",
                    f"{memory['peak'] / 1e9:.2f} GB",
                    f"{disk['fit']:.1f} s",
                    f"{memory['fit']:.1f} s",
                    f"{disk['score']:.1f} s",
                    f"{memory['score']:.1f} s",
                    f"{ratio:.2f}",
                    f"{difference:.0e}",
                ]
            )
    limits = ["required", f"< {MEMORY_LIMIT / 1e9:.0f} GB", *[""] * 5, f"≤ {TIME_LIMIT}", "≤ 1e-06"]
    head = ["", "peak, disk", "peak, memory", "fit, disk", "fit, memory"]
    head += ["score, disk", "score, memory", "ratio", "largest difference"]
    method = METHOD.format(
        n=n,
        d=N_COLUMNS,
        m=N_QUERIES,
        size=4 * n * N_COLUMNS / 1e9,
        threshold=THRESHOLD_SAMPLES,
    )
    return f"{method}\n\n{markdown_table(head, [*lines, limits])}", met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        detector, where, folder = arguments.measure
        print(json.dumps(measure(detector, where, Path(folder))))
        return 0
    text, met = out_of_core(QUICK_ROWS if arguments.quick else N_ROWS)
    print(text)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
