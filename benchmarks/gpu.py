"""Exact search on a GPU beside the rate of its matrix product, where torch sees one.

python benchmarks/_scale_gpu.py   # 10^6 × 768 rows, 10,000 queries
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _report import markdown_table

from skood._optional import import_optional, is_installed
from skood.neighbors import ExactIndex

N_ROWS, N_COLUMNS, N_QUERIES, K = 1_000_000, 768, 10_000, 10
RATE = 0.5  # of the product's, at least
N_CHECKED = 200  # queries whose neighbours are compared with those in float64
_COLUMNS = 50_000  # of the product at a time


def gpu_search() -> tuple[str, bool]:
    """The table of rates beside what is required, and whether it is met; a line without a GPU."""
    torch = import_optional("torch", "torch") if is_installed("torch") else None
    if torch is None or not torch.cuda.is_available():
        return "Not measured: torch sees no CUDA device here.", True
    generator = torch.Generator("cuda").manual_seed(0)
    X, Q = (
        torch.randn(size, N_COLUMNS, device="cuda", generator=generator)
        for size in (N_ROWS, N_QUERIES)
    )
    exact = torch.cdist(Q[:N_CHECKED].double(), X.double()).topk(K, largest=False)[1].cpu().numpy()
    work = 2e-12 * N_ROWS * N_COLUMNS * N_QUERIES
    lines, met = [], True
    for precision, dtype in (("full", torch.float32), ("half", torch.float16)):
        index = ExactIndex(precision=precision).fit(X)
        left, right = Q.to(dtype), X.to(dtype)
        product = _seconds(torch, lambda left=left, right=right: _multiply(left, right))
        search = _seconds(torch, lambda index=index: index.query(Q, K))
        found = index.query(Q[:N_CHECKED], K).indices
        recall = float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))
        met &= search * RATE <= product and recall == 1.0
        rates = [f"{work / taken:.0f} TFLOP/s" for taken in (product, search)]
        lines.append([precision, *rates, f"{product / search:.2f}", f"{recall:.4f}"])
    lines.append(["required", "", "", f"≥ {RATE}", "1.0000"])
    head = ["precision", "product", "search", "share of the rate", f"recall of {K}"]
    name = torch.cuda.get_device_name()
    about = f"{N_ROWS:,} × {N_COLUMNS} rows and {N_QUERIES:,} queries, tensors on one {name}."
    return f"{about}\n\n{markdown_table(head, lines)}", met


def _multiply(left: Any, right: Any) -> None:
    for start in range(0, len(right), _COLUMNS):
        left @ right[start : start + _COLUMNS].T


def _seconds(torch: Any, function: Callable[[], Any]) -> float:
    """The least of three runs, after one that does not count."""
    taken = []
    for _ in range(4):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


if __name__ == "__main__":
    text, met = gpu_search()
    print(text)
    sys.exit(0 if met else 1)
