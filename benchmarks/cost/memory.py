"""Peak memory above the data while scoring, beside scikit-learn, PyOD and faiss.

    python benchmarks/cost/memory.py           # some six minutes on two processors
    python benchmarks/cost/memory.py --quick   # small sizes, to try the script

Each detector is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

import skood
from _common.memory import (
    GIVE_BACK,
    GIVE_BACK_TEXT,
    MB,
    PEAK_IS_MEASURABLE,
    forget_peak,
    measured_in_new_process,
    peak,
    resident,
)
from _common.peers import INSTALL, N_JOBS, gaussian_rows, is_installed
from _common.report import judged, markdown_table, say, write_result
from _common.timing import use_two_threads

LIMIT = 300  # MB
FLAT = 15  # MB: a twentieth of the limit, for ten times as many queries
K = 15
PACKAGES = ["skood", "numpy", "scipy", "scikit-learn", "pyod", "faiss-cpu"]

METHOD = """\
{n:,} × {d} rows of float32 ({data:.0f} MB), two threads, defaults. Each detector runs in a process
of its own. Each figure is the highest resident memory during scoring, less the resident memory
before the fit, with the data in memory and all modules imported. So it includes the fitted detector
and BLAS's buffers; "held" is measured before scoring. 1 MB = 10⁶ bytes. The C library returns freed
memory at once, by {give_back}. Otherwise it keeps up to some 60 MB of it, and for threads 30 MB
more in one run than in another."""

Scoring = Callable[[NDArray], Any]


def fit_skood(name: str, X: NDArray) -> Scoring:
    return getattr(skood, name)().fit(X).score_samples


def fit_sklearn(X: NDArray) -> Scoring:
    neighbors = NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=N_JOBS).fit(X)
    return neighbors.kneighbors


def fit_pyod(X: NDArray) -> Scoring:
    from pyod.models.knn import KNN

    return KNN(n_neighbors=K, n_jobs=N_JOBS).fit(X).decision_function


def fit_faiss(X: NDArray) -> Scoring:
    import faiss

    index = faiss.IndexFlatL2(X.shape[1])
    index.add(X)
    return lambda Q: index.search(Q, K)


SKOOD = {
    "LCP": "LCPOutlierDetector",
    "kNN": "KNNOutlierDetector",
    "LOF": "LOFOutlierDetector",
    "KD": "KernelDensityOutlierDetector",
    "MD": "MahalanobisOutlierDetector",
}
# The package of each peer, and its fit.
PEERS: dict[str, tuple[str, Callable[[NDArray], Scoring]]] = {
    "scikit-learn brute": ("sklearn", fit_sklearn),
    "PyOD KNN": ("pyod", fit_pyod),
    "faiss flat": ("faiss", fit_faiss),
}


def measure(name: str, n: int, d: int, counts: list[int]) -> dict[str, float]:
    """In the process of its own: MB above the data after the fit, and while scoring."""
    X, Q = gaussian_rows(n, d), gaussian_rows(max(counts), d, seed=1)
    if name not in SKOOD and PEERS[name][0] == "pyod":
        import pyod.models.knn  # noqa: F401  # modules are not the detector's memory
    use_two_threads()
    before = resident()
    score = fit_skood(SKOOD[name], X) if name in SKOOD else PEERS[name][1](X)
    figures = {"held": resident() - before}
    for count in counts:
        forget_peak()
        score(Q[:count])
        figures[str(count)] = peak() - before
    return figures


def table(sizes: list[int]) -> str:
    counts = sizes[2:]
    few, *more = (f"scoring {m:,}" for m in counts)
    head = ["detector", "held", few, "required", *more, "growth"]  # the fewest rows are judged
    rows = []
    for name in (*SKOOD, *PEERS):
        if name in PEERS and not is_installed(PEERS[name][0]):
            rows.append([name, *[""] * (len(counts) + 1), INSTALL, ""])
            continue
        say(f"{name} ...")
        figures = measured_in_new_process(
            __file__,
            *("--measure", name, "--sizes", *map(str, sizes)),
            environment=GIVE_BACK,
        )
        held, few, *more = (f"{value:.0f} MB" for value in figures.values())
        limit, growth = required(name, figures)
        rows.append([name, held, few, limit, *more, growth])
    return markdown_table(head, rows)


def required(name: str, figures: dict[str, float]) -> list[str]:
    """The requirements of skood: memory for the fewest queries, and growth with their number."""
    _, first, *_, last = figures.values()
    growth = last - first
    if name in PEERS:
        return ["", f"{growth:+.0f} MB"]
    return [
        f"≤ {LIMIT} MB {judged(first <= LIMIT)}",
        f"{growth:+.0f} MB, ≤ {FLAT} MB {judged(growth <= FLAT)}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--measure", metavar="NAME", help="measure one in this process")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 512, 2_000, 20_000])
    arguments = parser.parse_args()
    sizes = [10_000, 128, 2_000, 20_000] if arguments.quick else arguments.sizes
    n, d, *counts = sizes
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, n, d, counts)))
        return
    if not PEAK_IS_MEASURABLE:
        sys.exit("Only Linux lets a process measure its peak memory anew.")
    body = (
        METHOD.format(n=n, d=d, data=n * d * 4 / MB, give_back=GIVE_BACK_TEXT)
        + "\n\n"
        + table(sizes)
    )
    if arguments.quick:
        print(body)  # a partial run must not replace the page
        return
    write_result("memory", "python benchmarks/cost/memory.py", PACKAGES, body)


if __name__ == "__main__":
    main()
