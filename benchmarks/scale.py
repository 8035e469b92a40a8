"""Past one machine: scaling over workers, growth on disk, and a calculation for 10^8 rows.

    python benchmarks/scale.py           # some half an hour on two processors, 3 GB of disk
    python benchmarks/scale.py --quick   # growth to 10^6 rows, other sizes smaller

Writes benchmarks/results/scale.md and scale-growth.png.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _report import RESULTS, markdown_table, write_result
from _scale_growth import SIZES, Growth, measure_growth
from _scale_out_of_core import MEMORY_LIMIT, N_ROWS, QUICK_ROWS, out_of_core
from _scale_paper import measure_constants, on_paper
from _scale_workers import LEAST_SHARE, QUICK, Scaling, Sizes, measure_scaling

PACKAGES = ["skood", "numpy", "dask", "distributed", "scikit-learn", "faiss-cpu"]


def requirements(scaling: Scaling, growth: Growth, stored: bool) -> str:
    """Each figure beside what is required of it."""
    lines = [
        [
            "throughput of two workers, as a share of this process with two threads",
            f"{scaling.share:.2f}",
            f"≥ {LEAST_SHARE} {_met(scaling.met)}",
        ],
        [
            "peak memory of a process over all sizes on disk",
            f"{growth.peak / 1e9:.2f} GB",
            f"< {MEMORY_LIMIT / 1e9:.0f} GB {_met(growth.met)}",
        ],
        ["rows on disk beside rows in memory (table below)", "", _met(stored)],
    ]
    return markdown_table(["", "measured", "required"], lines)


def _met(met: bool) -> str:
    return "(met)" if met else "(missed)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes; no result is written")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the picture")
    arguments = parser.parse_args()
    quick = arguments.quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("workers ...")
        scaling = measure_scaling(QUICK if quick else Sizes(), folder)
        say("rows on disk ...")
        table, stored = out_of_core(QUICK_ROWS if quick else N_ROWS)
        sizes = SIZES[:-1] if quick else SIZES
        growth = measure_growth(sizes, folder, arguments.out / "scale-growth.png", say)
    say("constants ...")
    n, m = (20_000, 500) if quick else (100_000, 2_000)
    paper = on_paper(measure_constants(n, m, scaling.seconds_per_task))
    body = "\n\n".join(
        [
            requirements(scaling, growth, stored),
            f"## Workers\n\n{scaling.text}",
            f"## Rows on disk\n\n{table}",
            f"## Growth\n\n{growth.text}",
            f"## On paper: 10⁸ references, 10⁹ queries\n\n{paper}",
        ]
    )
    if quick:
        print(body)  # small sizes are no result: they must not replace one
        return
    write_result("scale", "Past one machine", "python benchmarks/scale.py", PACKAGES, body)


def say(what: str) -> None:
    """Tell how far it is."""
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
