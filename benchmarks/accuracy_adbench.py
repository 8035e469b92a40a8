"""AUROC of the detectors on tabular and embedding sets of ADBench.

    python benchmarks/accuracy_adbench.py --data ../shared/data

Protocol: train on a random 70 % of the normal rows; tabular sets are standardised on them; test on
the other normal rows and all anomalies. Nothing is chosen on test rows: all detectors run with
their defaults.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _report import markdown_table, write_result
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import KNNOutlierDetector, LCPOutlierDetector
from skood.metrics import auroc

TABULAR = ["Classical"]
# The least mean AUROC of LCP on standardised rows.
REQUIRED = {"40_vowels": 98.5, "6_cardio": 94.5, "26_optdigits": 94.5, "28_pendigits": 99.5}

METHODS: dict[str, Callable[[], Any]] = {
    "LCP": lambda: make_pipeline(StandardScaler(), LCPOutlierDetector()),
    "kNN10": lambda: make_pipeline(StandardScaler(), KNNOutlierDetector(10)),
}


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as file:
        return file["X"].astype(np.float64), file["y"]


def split(X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, test rows, and +1 / -1 for the test rows."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    n_train = int(0.7 * len(normal))
    test = np.r_[normal[n_train:], np.flatnonzero(y == 1)]
    return X[normal[:n_train]], X[test], np.where(y[test] == 1, -1, 1)


def evaluate(path: Path, n_splits: int) -> dict[str, list[float]]:
    """AUROC in % of every method on every split of one set."""
    X, y = load(path)
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(n_splits):
        X_train, X_test, labels = split(X, y, seed)
        for name, make in METHODS.items():
            scores = make().fit(X_train).score_samples(X_test)
            found[name].append(100 * auroc(labels, scores))
    return found


def report(results: dict[str, dict[str, list[float]]], n_splits: int) -> str:
    rows = []
    for set_name, found in results.items():
        cells = [f"{np.mean(v):.2f} ± {np.std(v, ddof=1):.2f}" for v in found.values()]
        required = REQUIRED.get(set_name)
        met = "" if required is None else f"{required} {_met(np.mean(found['LCP']), required)}"
        rows.append([set_name, *cells, met])
    means = [
        f"**{np.mean([np.mean(found[name]) for found in results.values()]):.2f}**"
        for name in METHODS
    ]
    rows.append(["**mean over sets**", *means, ""])
    table = markdown_table(["set", *METHODS, "LCP at least"], rows)
    return (
        f"AUROC in %, mean ± standard deviation over {n_splits} random splits; trained on 70 % of "
        f"the normal rows, standardised on them; default parameters.\n\n{table}"
    )


def _met(value: float, required: float) -> str:
    return "(met)" if value >= required else "(missed)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds adbench/")
    parser.add_argument("--splits", type=int, default=3)
    arguments = parser.parse_args()
    paths = [
        p for group in TABULAR for p in sorted((arguments.data / "adbench" / group).glob("*.npz"))
    ]
    if not paths:
        sys.exit(
            f"The '--data' argument must be a folder that holds adbench/. Got {arguments.data}."
        )
    results = {}
    for number, path in enumerate(paths, start=1):
        print(f"[{number}/{len(paths)}] {path.stem}", file=sys.stderr)
        results[path.stem] = evaluate(path, arguments.splits)
    write_result(
        "accuracy_adbench",
        "Accuracy on ADBench",
        "python benchmarks/accuracy_adbench.py --data ../shared/data",
        ["skood", "numpy", "scikit-learn"],
        report(results, arguments.splits),
    )


if __name__ == "__main__":
    main()
