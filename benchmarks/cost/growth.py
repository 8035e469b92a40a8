"""How the time of an exact search grows with n, d, k and the number of queries, beside its peers.

    python benchmarks/cost/growth.py           # a few minutes on two processors
    python benchmarks/cost/growth.py --quick   # small sizes, to try the script

Writes the pictures to benchmarks/results/growth-*.svg and the numbers to growth.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.chart import Chart, draw
from _common.peers import BRUTE, FAISS, PRODUCT, SKOOD, exact_searches, gaussian_rows
from _common.report import RESULTS, markdown_table, say, write_result
from _common.timing import N_THREADS, alternate, in_seconds, timed, use_two_threads
from skood.cli.arguments import count as at_least_one

METHODS = (SKOOD, PRODUCT, FAISS, BRUTE)
PACKAGES = ["skood", "numpy", "scikit-learn", "faiss-cpu"]


@dataclass(frozen=True)
class Setting:
    """Sizes of one search."""

    n: int = 50_000
    d: int = 64
    k: int = 15
    queries: int = 2_000


AXES = {
    "n": [2_000, 6_000, 20_000, 60_000, 200_000],
    "d": [4, 16, 64, 256, 1_024],
    "k": [1, 5, 15, 50, 150, 500],
    "queries": [1, 10, 100, 1_000, 10_000],
}
MEANING = {
    "n": "training rows",
    "d": "features",
    "k": "neighbours",
    "queries": "queries",
}

Times = dict[str, list[float]]


def measure(setting: Setting, n_runs: int) -> dict[str, float]:
    """Median seconds of each search."""
    X = gaussian_rows(setting.n, setting.d)
    Q = gaussian_rows(setting.queries, setting.d, seed=1)
    searches = exact_searches(X, Q, setting.k)
    runs = alternate({name: timed(run, at_least=0.05) for name, run in searches.items()}, n_runs)
    return {name: median(seconds) for name, seconds in runs.items()}


def measure_axis(axis: str, base: Setting, values: list[int], n_runs: int) -> Times:
    """Seconds of each search at each value of one size, the others as in the base."""
    times: Times = {}
    for value in values:
        say(f"{axis} = {value:,}")
        for name, seconds in measure(replace(base, **{axis: value}), n_runs).items():
            times.setdefault(name, []).append(seconds)
    return times


def fixed_sizes(axis: str, base: Setting) -> str:
    """The fixed sizes, in words."""
    sizes = asdict(base)
    del sizes[axis]
    return ", ".join(f"{value:,} {MEANING[name]}" for name, value in sizes.items())


def section(axis: str, base: Setting, values: list[int], times: Times, path: Path | None) -> str:
    rows = [
        [f"{value:,}", *(in_seconds([times[method][i]]) for method in times)]
        for i, value in enumerate(values)
    ]
    table = markdown_table([MEANING[axis], *times], rows)
    parts = [f"## {MEANING[axis]}", fixed_sizes(axis, base)]
    if path is not None:
        parts.append(f"![Time against the number of {MEANING[axis]}]({path.name})")
    return "\n\n".join([*parts, table])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes; plots go to --out")
    parser.add_argument("--runs", type=at_least_one, default=5, help="runs of each search")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the plots")
    arguments = parser.parse_args()
    use_two_threads()
    base = Setting(n=5_000, queries=500) if arguments.quick else Setting()
    sections = []
    for axis, values in AXES.items():
        some = values[:4] if arguments.quick else values
        times = measure_axis(axis, base, some, arguments.runs)
        path = None if axis == "n" else arguments.out / f"growth-{axis}.svg"  # n is the answer's
        if path is not None:
            lines = {m: dict(zip(map(str, some), times[m], strict=True)) for m in times}
            draw(Chart("seconds", lines, kind="lines", below=MEANING[axis], log=True), path)
        sections.append(section(axis, base, some, times, path))
    intro = (
        "Seconds of an exact search on standard normal rows of float32; medians of "
        f"{arguments.runs} alternating runs, {N_THREADS} threads. The bare product is that of all "
        "pairs, without any search: the limit of each search that compares all pairs."
    )
    body = "\n\n".join([intro, *sections])
    if arguments.quick:
        print(body)  # small sizes must not replace the page
        return
    write_result("growth", "python benchmarks/cost/growth.py", PACKAGES, body)


if __name__ == "__main__":
    main()
