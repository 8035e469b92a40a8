"""A detector as an ONNX model: how near its scores are, and how long one row takes.

Run: python benchmarks/cost/onnx_models.py. It writes benchmarks/results/onnx.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from _common.report import judged, markdown_table, say, write_result
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
    make_outlier_pipeline,
    to_onnx,
)

N_TRAINING, N_NEW, D = 10_000, 1_000, 30
N_CALLS = 300  # of each, in turns
MOST_DIFFERENCE = 1e-5
PACKAGES = ("skood", "numpy", "scikit-learn", "onnx", "skl2onnx", "onnxruntime")

DETECTORS = {
    "MD": MahalanobisOutlierDetector(),
    "kNN": KNNOutlierDetector(),
    "KD": KernelDensityOutlierDetector(),
    "LCP": LCPOutlierDetector(),
}


def estimators() -> dict[str, Any]:
    """The detectors behind a scaler, and the presets."""
    made = {
        f"StandardScaler, {name}": make_outlier_pipeline(StandardScaler(), one, n_folds=2)
        for name, one in DETECTORS.items()
    }
    presets = ("tabular-fast", "tabular", "embedding")
    return made | {
        f'preset "{kind}"': make_outlier_detector(kind).set_params(n_folds=2) for kind in presets
    }


def milliseconds(*calls: Callable[[], object]) -> list[float]:
    """The median time of each call, which take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for number in range(-20, N_CALLS):
        for spent, call in zip(times, calls, strict=True):
            start = time.perf_counter()
            call()
            if number >= 0:
                spent.append(1e3 * (time.perf_counter() - start))
    return [median(spent) for spent in times]


def measured(estimator: Any, X: NDArray, new: NDArray) -> tuple[list[str], float, float]:
    """Cells of the table, the largest relative difference, and how many times as fast ONNX is."""
    model = to_onnx(estimator.fit(X)).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def scored(rows: NDArray) -> NDArray:
        return session.run(["scores"], {"X": rows})[0]

    expected = estimator.score_samples(new)
    difference = float(np.abs(scored(new) / expected - 1.0).max())
    one = new[:1]
    of_skood, of_onnx = milliseconds(lambda: estimator.score_samples(one), lambda: scored(one))
    start = time.perf_counter()
    scored(new)
    rate = len(new) / (time.perf_counter() - start)
    cells = [
        f"{of_onnx:.2f} ms",
        f"{of_skood:.2f} ms",
        f"{rate:,.0f}",
        f"{len(model) / 1e6:.1f} MB",
    ]
    return [*cells, f"{difference:.0e}"], difference, of_skood / of_onnx


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_TRAINING, D)) * 2.0 ** rng.integers(-3, 4, D) + 1e4
    new = np.vstack([X[:100], rng.permuted(X, axis=0)[: N_NEW - 100] * 1.0001])
    rows, differences, ratios = [], [], []
    with threadpool_limits(1):
        for name, estimator in estimators().items():
            cells, difference, ratio = measured(estimator, X, new)
            say(f"{name}: {', '.join(cells)}")
            rows.append([name, *cells])
            differences.append(difference)
            ratios.append(ratio)
    header = ["estimator", "one row, ONNX", "one row, skood", "rows a second, ONNX"]
    table = markdown_table([*header, "file", "largest difference"], rows)
    met = judged(max(differences) <= MOST_DIFFERENCE)
    most = f"{max(differences):.0e}"
    times = f"{min(ratios):.1f} to {max(ratios):.1f}"
    body = f"""\
One row takes {times} times as long with skood as with onnxruntime.

{table}

{N_TRAINING:,} training rows of {D} columns in several units, 10,000 from the origin. The {N_NEW:,}
new rows are 100 training rows, of which one equal copy is left out, and rows of shuffled columns.
Times of one row are medians of {N_CALLS} calls in turns, each with one thread. The rows a second
are those of one call with all new rows.

## Requirements

- scores equal to {MOST_DIFFERENCE:.0e}, relative: {most} {met}"""
    write_result("onnx", "python benchmarks/cost/onnx_models.py", PACKAGES, body)


if __name__ == "__main__":
    main()
