"""AUROC of skood's presets and of its peers on hundreds of tables with official splits.

    python benchmarks/accuracy/suite.py --data ../shared/data

Each pair of detector and set is kept in the folder of `--cache` and not measured again there.
`--choose` measures and prints the choice of the weights of the presets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.report import RESULTS, write_result
from _suite.choice import choose
from _suite.measured import measured
from _suite.page import PACKAGES, page
from _suite.rows import detectors
from skood.comparison import SuiteSet, draw_suite, read_suite

COMMAND = "python benchmarks/accuracy/suite.py --data ../shared/data"
SUITES = {"OddBench": "tables/oddbench", "OvRBench": "tables/ovrbench"}
ADBENCH = "ADBench"


def adbench(folder: Path) -> Iterator[SuiteSet]:
    """The tables of ADBench: 70 % of the normal rows, at most 2,000, are trained on."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as arrays:
            X, y = arrays["X"].astype(float), arrays["y"]
        rng = np.random.default_rng(0)
        inside = rng.permutation(np.flatnonzero(y == 0))
        cut = min(2000, int(0.7 * len(inside)))
        odd = rng.permutation(np.flatnonzero(y == 1))[:1000]
        test = np.concatenate([inside[cut : cut + 1000], odd])
        yield SuiteSet(path.stem, path.stem, X[inside[:cut]], X[test], y[test] == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "tables/ and adbench/")
    add_cache(parser, "folder for what was measured")
    parser.add_argument("--every", type=int, default=1, help="measure every n-th set")
    parser.add_argument("--choose", action="store_true", help="show how the weights were chosen")
    arguments = parser.parse_args()
    sets = {name: list(read_suite(arguments.data / part)) for name, part in SUITES.items()}
    sets[ADBENCH] = list(adbench(arguments.data / "adbench" / "Classical"))
    chosen = {name: ones[:: arguments.every] for name, ones in sets.items()}
    with threadpool_limits(1):
        if arguments.choose:
            print(choose(chosen, arguments.cache / "suite-views"))
            return
        found = {
            name: measured(ones, detectors(), arguments.cache / f"suite-{name}.jsonl")
            for name, ones in chosen.items()
        }
    for name in SUITES:
        path = RESULTS / f"suite-{name.lower()}.png"
        draw_suite(found[name], name).savefig(path, dpi=120)
    write_result("suite", COMMAND, PACKAGES, page(found))


if __name__ == "__main__":
    main()
