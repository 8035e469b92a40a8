"""Exact search on a GPU: beside the rate of its matrix product, plain torch, and the processors.

    python benchmarks/cost/gpu.py   # two minutes on a large GPU, which needs 20 GB of memory

Writes benchmarks/results/gpu.md. Without a CUDA device it writes nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

import skood
from _common.peers import gaussian_rows, is_installed, recall
from _common.report import judged, markdown_table, say, write_result
from _common.timing import alternate, in_seconds, paired_ratio, timed
from skood.neighbors import ExactIndex

N_ROWS, N_COLUMNS, N_QUERIES, K = 1_000_000, 768, 10_000, 10
RATE = 0.5  # of the product's, at least
N_CHECKED = 200  # queries whose neighbours are compared with those in float64
N_RUNS = 5
SIZES = [(50_000, 512, 2_000), (100_000, 64, 5_000), (1_000_000, 128, 2_000)]  # and queries
OFFSET = 1e4
DETECTORS = ["KNNOutlierDetector", "LCPOutlierDetector", "LOFOutlierDetector"]
OF_DETECTORS = 100_000, 128, 10_000
PACKAGES = ["skood", "torch", "numpy", "scikit-learn"]

_COLUMNS = 50_000  # of the product at a time
_STEP = 1_000  # queries of plain torch at a time
_AT_LEAST = 0.5  # seconds of a run: after a pause, a GPU takes a while to reach its clock

METHOD = """\
{gpu}, {processors} processors. Gaussian rows of float32. Medians of {runs} alternating runs of at
least {seconds} s, after a warm-up.

## Beside the product

{n:,} × {d} rows and {m:,} queries, {k} neighbours, tensors on the GPU. The product is that of all
queries and all rows, {columns:,} rows at a time, in the named precision; the search is
`ExactIndex(precision=…).query`, up to the neighbours on the host. Recall: of the {k} nearest by
distances in float64, for {checked} queries.

{rates}

## Rows of NumPy

{k} neighbours, from an array of queries to an array of neighbours; "skood, GPU" is
`ExactIndex(device="cuda")`. "torch, GPU" is what a user would write: the rows on the GPU,
`torch.cdist` and `topk`, {step:,} queries at a time. Recall is given for the rows as they are, and
with {offset:,.0f} added to all values.

{arrays}

## Detectors

{dn:,} × {dd} rows, {dm:,} scored, `algorithm=ExactIndex()` and `ExactIndex(device="cuda")`. The
difference is the largest relative difference of their scores.

{detectors}
"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch = _torch()
    if torch is None:
        print("Not measured: torch sees no CUDA device here.")
        return
    rates, met = beside_the_product(torch)
    body = METHOD.format(
        gpu=torch.cuda.get_device_name(),
        processors=os.cpu_count(),
        runs=N_RUNS,
        seconds=_AT_LEAST,
        n=N_ROWS,
        d=N_COLUMNS,
        m=N_QUERIES,
        k=K,
        columns=_COLUMNS,
        checked=N_CHECKED,
        rates=rates,
        step=_STEP,
        offset=OFFSET,
        arrays=rows_of_numpy(torch),
        dn=OF_DETECTORS[0],
        dd=OF_DETECTORS[1],
        dm=OF_DETECTORS[2],
        detectors=detectors(),
    )
    write_result("gpu", "python benchmarks/cost/gpu.py", PACKAGES, body)
    sys.exit(0 if met else 1)


def beside_the_product(torch: Any) -> tuple[str, bool]:
    """The table of rates beside the requirement, and whether it is met."""
    generator = torch.Generator("cuda").manual_seed(0)
    X, Q = (
        torch.randn(size, N_COLUMNS, device="cuda", generator=generator)
        for size in (N_ROWS, N_QUERIES)
    )
    true = _neighbours_in_float64(torch, X, Q[:N_CHECKED])
    work = 2e-12 * N_ROWS * N_COLUMNS * N_QUERIES
    lines, all_met = [], True
    for precision, dtype in (("full", torch.float32), ("half", torch.float16)):
        index = ExactIndex(precision=precision).fit(X)
        seconds = _compared(
            {"product": _product(torch, X.to(dtype), Q.to(dtype)), "search": _query(index, Q)}
        )
        share = paired_ratio(seconds["product"], seconds["search"])
        recalled = recall(index.query(Q[:N_CHECKED], K).indices, true)
        met = share.median >= RATE and recalled == 1
        all_met &= met
        rates = [f"{work / np.median(seconds[name]):.0f} TFLOP/s" for name in seconds]
        required = f"≥ {RATE} {judged(met)}"
        lines.append([precision, *rates, str(share), required, f"{recalled:.4f}"])
    head = ["precision", "product", "search", "share of the rate", "required", "recall"]
    return _shown(markdown_table(head, lines)), all_met


def rows_of_numpy(torch: Any) -> str:
    """Seconds of each way to find neighbours of arrays, and the recall of both on the GPU."""
    lines = []
    for n, d, m in SIZES:
        X, Q = gaussian_rows(n, d), gaussian_rows(m, d, seed=1)
        ways = {
            "skood, GPU": _query(ExactIndex(device="cuda").fit(X), Q),
            "torch, GPU": _by_cdist(torch, X, Q),
            "skood, processors": _query(ExactIndex().fit(X), Q),
        }
        seconds = _compared(ways)
        recalls = []
        for offset in (0, OFFSET):
            A, B = X + np.float32(offset), Q[:N_CHECKED] + np.float32(offset)
            true = _neighbours_in_float64(torch, *(torch.from_numpy(R).cuda() for R in (A, B)))
            both = _query(ExactIndex(device="cuda").fit(A), B), _by_cdist(torch, A, B)
            recalls += [f"{recall(query(), true):.4f}" for query in both]
        times = [in_seconds(seconds[way]) for way in seconds]
        lines.append([f"{n:,} × {d}, {m:,} queries", *times, *recalls])
    recalls = [
        f"recall{of}, {who}" for of in ("", f" + {OFFSET:,.0f}") for who in ("skood", "torch")
    ]
    return _shown(markdown_table(["rows", *seconds, *recalls], lines))


def detectors() -> str:
    """Seconds of fits and scores with an index on the GPU and on the processors."""
    n, d, m = OF_DETECTORS
    X, Q = gaussian_rows(n, d), gaussian_rows(m, d, seed=1)
    lines = []
    for name in DETECTORS:
        pair = {
            place: getattr(skood, name)(algorithm=ExactIndex(device=device))
            for place, device in (("processors", "cpu"), ("GPU", "cuda"))
        }
        fits = _compared({place: lambda d=d: d.fit(X) for place, d in pair.items()})
        scores = _compared({place: lambda d=d: d.score_samples(Q) for place, d in pair.items()})
        on_processors, on_gpu = (d.score_samples(Q) for d in pair.values())
        times = [in_seconds(part[place]) for part in (fits, scores) for place in pair]
        lines.append([name, *times, f"{np.abs(on_gpu / on_processors - 1).max():.0e}"])
    head = [f"{work}, {place}" for work in ("fit", "score") for place in pair]
    return _shown(markdown_table(["detector", *head, "difference"], lines))


def _compared(ways: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    runs = {name: timed(way, at_least=_AT_LEAST) for name, way in ways.items()}
    return alternate(runs, N_RUNS, say=_shown)


def _shown(text: str) -> str:
    """Show a text at once, since a borrowed GPU may be gone before the end."""
    say(text)
    return text


def _product(torch: Any, X: Any, Q: Any) -> Callable[[], None]:
    def multiply() -> None:
        for part in X.split(_COLUMNS):
            Q @ part.T
        torch.cuda.synchronize()

    return multiply


def _query(index: ExactIndex, Q: Any) -> Callable[[], NDArray]:
    return lambda: index.query(Q, K).indices


def _by_cdist(torch: Any, X: NDArray, Q: NDArray) -> Callable[[], NDArray]:
    rows = torch.from_numpy(X).cuda()

    def query() -> NDArray:
        queries = torch.from_numpy(Q).cuda()
        neighbors = [
            torch.cdist(part, rows).topk(K, largest=False)[1] for part in queries.split(_STEP)
        ]
        return torch.cat(neighbors).cpu().numpy()

    return query


def _neighbours_in_float64(torch: Any, X: Any, Q: Any) -> NDArray:
    """The nearest rows by differences: a product would lose digits far from the origin."""
    X, neighbors = X.double(), []
    for query in Q.double():
        squares = torch.cat([(part - query).square().sum(dim=1) for part in X.split(100_000)])
        neighbors.append(squares.topk(K, largest=False)[1])
    return torch.stack(neighbors).cpu().numpy()


def _torch() -> Any:
    if not is_installed("torch"):
        return None
    import torch

    return torch if torch.cuda.is_available() else None


if __name__ == "__main__":
    main()
