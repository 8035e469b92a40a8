"""Past one machine: scaling over workers, growth on disk, and a calculation for 10^8 rows.

    python benchmarks/cost/scale.py                 # half an hour on two idle processors
    python benchmarks/cost/scale.py --quick         # growth to 10^6 rows, other sizes smaller
    python benchmarks/cost/scale.py --cache FOLDER  # keeps each part there, and runs none twice

Writes benchmarks/results/scale.md and scale-growth.png.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.report import RESULTS, judged, say, write_result
from _scale.growth import SIZES, measure_growth
from _scale.out_of_core import MEMORY_LIMIT, N_ROWS, QUICK_ROWS, SAME, TIME_LIMIT, out_of_core
from _scale.paper import measure_constants, on_paper
from _scale.workers import LEAST_SHARE, QUICK, Sizes, measure_scaling

PACKAGES = ["skood", "numpy", "dask", "distributed", "scikit-learn", "faiss-cpu"]

DISK_LIMITS = (
    f"peak < {MEMORY_LIMIT / 1e9:.0f} GB, ratio of times ≤ {TIME_LIMIT}, largest difference of "
    f"scores ≤ {SAME:.0e}"
)
Part = tuple[list[str], str, float]  # lines of requirements, text, a number for later


def workers(quick: bool, folder: Path, _: Path) -> Part:
    """Two workers beside one, and beside two threads; the number is Dask's time for a task."""
    scaling = measure_scaling(QUICK if quick else Sizes(), folder)
    line = (
        "throughput of two workers, as a share of this process with two threads: "
        f"{scaling.share:.2f}, ≥ {LEAST_SHARE} {judged(scaling.met)}"
    )
    return [line], f"## Workers\n\n{scaling.text}", scaling.seconds_per_task


def disk(quick: bool, _: Path, __: Path) -> Part:
    """Rows on disk beside rows in memory."""
    table, met = out_of_core(QUICK_ROWS if quick else N_ROWS)
    line = f"rows on disk beside rows in memory: {DISK_LIMITS} {judged(met)}"
    return [line], f"## Rows on disk\n\n{table}", 0.0


def growth(quick: bool, folder: Path, out: Path) -> Part:
    """From 10^4 rows on."""
    sizes = SIZES[:-1] if quick else SIZES
    curves = measure_growth(sizes, folder, out / "scale-growth.png", say)
    line = (
        f"peak memory of a process over all sizes on disk: {curves.peak / 1e9:.2f} GB, "
        f"< {MEMORY_LIMIT / 1e9:.0f} GB {judged(curves.met)}"
    )
    return [line], f"## Growth\n\n{curves.text}", 0.0


PARTS = {"workers": workers, "disk": disk, "growth": growth}


def kept(cache: Path | None, name: str, run: Callable[[], Part]) -> Part:
    """A part from the cache, or run and kept there."""
    path = None if cache is None else cache / f"{name}.json"
    if path is not None and path.exists():
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    say(f"{name} ...")
    part = run()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(part), encoding="utf-8")
    return part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes; no result is written")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the picture")
    parser.add_argument("--cache", type=Path, help="folder for the parts that are done")
    arguments = parser.parse_args()
    quick, cache = arguments.quick, arguments.cache
    with tempfile.TemporaryDirectory() as name:
        parts = {
            part: kept(cache, part, partial(run, quick, Path(name), arguments.out))
            for part, run in PARTS.items()
        }
    n, m = (20_000, 500) if quick else (100_000, 2_000)
    per_task = parts["workers"][2]
    paper = kept(cache, "paper", lambda: ([], on_paper(measure_constants(n, m, per_task)), 0.0))
    required = [line for lines, _, _ in parts.values() for line in lines]
    body = "\n\n".join(
        [
            *(text for _, text, _ in parts.values()),
            f"## On paper: 10⁸ references, 10⁹ queries\n\n{paper[1]}",
            "## Requirements",
            "\n".join(f"- {line}" for line in required),
        ]
    )
    if quick:
        print(body)  # small sizes must not replace the page
        return
    write_result("scale", "python benchmarks/cost/scale.py", PACKAGES, body)


if __name__ == "__main__":
    main()
