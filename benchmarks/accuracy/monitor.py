"""How soon monitors see a change, and whether they keep quiet without one.

    python benchmarks/accuracy/monitor.py --data ../shared/data

What was measured is kept in the folder of `--cache`, one file a method: delete that of a method to
measure it again. The peers need Python 3.12: `pip install river nonconform alibi-detect`, the last
with `--no-deps`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.report import write_result
from _monitor.measured import ALPHAS, HIGHEST, Cache, measure, skood
from _monitor.page import EARLY, PACKAGES, Found, page, tuned_alpha
from _monitor.peers import PEERS
from _monitor.promises import QUIET_SET, cost, quiet_streams, sizes
from _monitor.sets import CHOICE, REPORTED, UNSEEN, read_set
from _monitor.streams import CHANGES, NONE

COMMAND = "python benchmarks/accuracy/monitor.py --data ../shared/data"
TIMED = (
    ("Classical/19_landsat", "tabular-fast"),
    ("Classical/19_landsat", "tabular"),
    ("CV_by_ResNet18/CIFAR10_0", "embedding"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "tables/, adbench/ and the images")
    add_cache(parser, "folder for what was measured")
    parser.add_argument("--runs", type=int, default=3, help="runs of each set and kind of change")
    parser.add_argument("--quiet-runs", type=int, default=10, help="runs that choose the limits")
    parser.add_argument("--quiet-streams", type=int, default=2_000, help="streams without a change")
    arguments = parser.parse_args()
    cache = Cache(arguments.cache / "monitor")
    sets = {
        name: read_set(arguments.data, name) for name in (*CHOICE, *REPORTED, *UNSEEN, QUIET_SET)
    }
    reported, chosen = ([sets[name] for name in names] for names in (REPORTED, CHOICE))
    n_quiet, runs = arguments.quiet_runs, range(arguments.runs)
    with threadpool_limits(1):
        measure(chosen, range(n_quiet), [NONE], [*PEERS, HIGHEST], cache)
        alphas = [*ALPHAS, tuned_alpha(n_quiet, cache)]
        measure(reported, runs, [NONE, *CHANGES], [*PEERS, *map(skood, alphas)], cache)
        measure([sets[name] for name in UNSEEN], runs, EARLY, [skood(ALPHAS[0])], cache)
        quiet = quiet_streams(sets[QUIET_SET].usual, arguments.quiet_streams, cache)
        costs = [cost(sets[name], kind) for name, kind in TIMED]
        grown = list(sizes())
    found = Found(sets, cache, arguments.runs, n_quiet)
    write_result("monitor", COMMAND, PACKAGES, page(found, quiet, costs, grown))


if __name__ == "__main__":
    main()
