"""Table 2 of the FSSD paper, reproduced.

    python benchmarks/papers/table2.py --task fmnist --data ../shared/data

Trains the nets, scores every method with each of them, and writes Markdown, CSV and a picture into
``benchmarks/results/``. Nets are stored after every epoch, so that a stopped run resumes. Methods
without out-of-distribution rows, methods tuned on 500 + 500 rows, and outlier exposure have
separate tables.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.images import kept
from _common.report import say, write_result
from _table2.context import Context, split_rows
from _table2.exposure import exposed
from _table2.methods import Method, label_free
from _table2.report import write_csv, write_markdown
from _table2.table import Table
from _table2.tasks import ARCHITECTURES, Data, Task, find_task
from _table2.text import MOST_WITHOUT_ENSEMBLE
from _table2.training import Rows, trained
from _table2.tuned import tuned
from skood.cli.arguments import count as at_least_one

SEEDS = {"fmnist": 5, "cifar10": 1, "genome": 3}


def trained_nets(task: Task, data: Data, folder: Path, n_seeds: int) -> list[nn.Module]:
    rows = Rows(torch.from_numpy(data.X), torch.from_numpy(data.y))
    return [
        trained(task.recipe, rows, folder / f"{task.key}-{seed}.pt", seed)
        for seed in range(n_seeds)
    ]


def scored(
    task: Task, data: Data, nets: list[nn.Module], n_scored: int, folder: Path, only: str
) -> Table:
    """All methods with all nets; stored scores are read."""
    split = split_rows(data, task.most_rows)
    table = Table(task, n_scored, len(nets))
    for seed in range(n_scored):
        net = Context(task, data, split, nets, seed)
        table.accuracies.append(net.accuracy())
        groups = {"no OoD data": label_free(), "tuned": tuned(), "exposed": exposed(folder)}
        for protocol, methods in groups.items():
            for method in methods:
                if only.lower() not in method.name.lower() or not possible(method, task, nets):
                    continue
                table.add(protocol, method, _scores(method, net, folder))
    return table


def possible(method: Method, task: Task, nets: list[nn.Module]) -> bool:
    """An ensemble of all nets but one needs three; exposure needs outliers."""
    if method.of_other_nets:
        return len(nets) > MOST_WITHOUT_ENSEMBLE
    return bool(task.exposure_name) or method.paper != "OE"


def _scores(method: Method, net: Context, folder: Path) -> dict[str, np.ndarray]:
    # The scores of an ensemble also depend on the number of nets.
    n_nets = len(net.nets) if method.of_other_nets else 1
    key = f"{net.task.key}-{net.seed}-{method.name}-{n_nets}"
    short = hashlib.sha256(key.encode()).hexdigest()[:12]

    def make() -> dict[str, np.ndarray]:
        start = time.perf_counter()
        found = method.score(net)
        seconds = time.perf_counter() - start
        say(f"{key}: {seconds:.0f} s")
        return {f"set:{name}": scores for name, scores in found.items()}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = kept(folder / f"scores-{short}.npz", make)
    return {name.removeprefix("set:"): scores for name, scores in found.items()}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(SEEDS), required=True)
    add_data(parser, "fashion_mnist/, cifar10/, genome/, ...")
    parser.add_argument("--seeds", type=at_least_one, help="nets; 5, 1 and 3 if not given")
    parser.add_argument(
        "--scored",
        type=at_least_one,
        help="score by the first nets only; an ensemble still has all",
    )
    parser.add_argument(
        "--arch", choices=sorted(ARCHITECTURES), help="of cifar10; resnet34 where a GPU is"
    )
    parser.add_argument(
        "--only", default="", metavar="PATTERN", help="methods with this in the name"
    )
    add_cache(
        parser, "nets and scores are kept here: empty it after a change of a recipe or a method"
    )
    arguments = parser.parse_args()
    arguments.seeds = SEEDS[arguments.task] if arguments.seeds is None else arguments.seeds
    arguments.scored = arguments.seeds if arguments.scored is None else arguments.scored
    if arguments.scored > arguments.seeds:
        allowed = f"an int from 1 to {arguments.seeds}, the number of nets"
        parser.error(f"argument --scored: must be {allowed}. Got {arguments.scored} instead.")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    architecture = arguments.arch or ("resnet34" if torch.cuda.is_available() else "narrow")
    task = find_task(arguments.task, architecture)
    data = task.load(arguments.data, arguments.cache)
    folder = arguments.cache / "table2"
    nets = trained_nets(task, data, folder, arguments.seeds)
    table = scored(task, data, nets, arguments.scored, folder, arguments.only)
    body = write_markdown(table)
    if arguments.only:
        print(body)
        say("not written: only a run of all methods is kept")
        return
    command = f"python benchmarks/papers/table2.py --task {task.name} --data ../shared/data"
    command += "" if arguments.seeds == SEEDS[task.name] else f" --seeds {arguments.seeds}"
    command += "" if arguments.scored == arguments.seeds else f" --scored {arguments.scored}"
    name = f"table2-{task.name}"
    packages = ["skood", "numpy", "scipy", "scikit-learn", "torch"]
    write_result(name, command, packages, body)
    write_csv(table, name)


if __name__ == "__main__":
    main()
