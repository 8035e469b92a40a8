"""The experiment of the LCP paper: autoencoder, traces, measures; and LCP on a LeNet's layers.

    python benchmarks/papers/lcp_paper.py --data ../shared/data

An autoencoder is trained on in-distribution images (or rows), and its latent activations, the
traces, are scored by each measure. Nothing is chosen on out-of-distribution rows: all detectors
run with their defaults, and the autoencoder stops by its loss on held-out training rows.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.report import say, write_result
from _lcp_paper.lenet import DESCRIPTION, NetResult, run_net
from _lcp_paper.methods import evaluate
from _lcp_paper.tables import (
    Results,
    net_tables,
    overview,
    pair_tables,
    requirements,
    training_table,
)
from _lcp_paper.tasks import (
    COLOUR_EPOCHS,
    COLOUR_RATE,
    GREY_EPOCHS,
    GREY_RATE,
    TABLE_EPOCHS,
    TRAINING_SHARE,
    Task,
    all_tasks,
)
from _lcp_paper.traces import CODE, HIDDEN, PATIENCE, Traces, make_traces
from skood.cli.arguments import count as at_least_one

COMMAND = "python benchmarks/papers/lcp_paper.py --data ../shared/data"
LENET = "LeNet"
PROTOCOL = f"""\
In %, mean ± standard deviation over {{seeds}} seeds; a seed draws the first weights, the order of
the rows and, of the sets that are tables, the split. Images: the autoencoder is trained on all
training images, on pixels; detectors are fitted on the traces of all of these, and all test images
are scored. Grey images are 28 × 28, so CIFAR-10 is made
grey and smaller; colour ones 32 × 32, so MNIST gets a black border and three equal channels.
Tables: trained on {100 * TRAINING_SHARE:.0f} % of the normal rows, tested on the others and all
anomalies. AUROC, AUPR-in and AUPR-out: higher is better; FPR95: lower."""
METHOD_NOTES = f"""\
- Autoencoder: dense, {HIDDEN} – {CODE} – {HIDDEN} with ReLU (12_fault, which has 27 columns: a code
  of 13), linear code and output, Adam. It stops when the loss on a tenth of the training rows has
  not fallen by a thousandth for {PATIENCE} epochs and keeps the best epoch; at most {GREY_EPOCHS}
  epochs at {GREY_RATE:g} (grey images), {COLOUR_EPOCHS} at {COLOUR_RATE:g} (colour images),
  {TABLE_EPOCHS} at 1e-3 (tables).
- The trace is the code, without neurons that never vary, divided by one number, the standard
  deviation of all its values: the bandwidth of kernel density has a unit; the other measures do not
  change.
- Measures run at their defaults. *whitened*: after PartialWhitener(0.5). *reconstruction*: minus
  the mean squared error. *reconstruction + …*: the sum of the standardised logarithms of both, mean
  and scale from the training rows, as LayerEnsemble adds up layers.
- Standing in for the paper's industrial set, which is not public: steel-plate faults (12_fault of
  ADBench) and features of MVTec-AD by ResNet18 and ViT (ADBench)."""


def run(
    tasks: list[Task], arguments: argparse.Namespace
) -> tuple[Results, dict[str, list[Traces]], list[NetResult]]:
    """All chosen tasks, seed by seed."""
    results: Results = {}
    logs: dict[str, list[Traces]] = {}
    nets = []
    if arguments.only.lower() in LENET.lower():
        nets = [
            run_net(arguments.data, arguments.cache, seed, quick=arguments.quick)
            for seed in range(arguments.seeds)
        ]
    for task in tasks:
        for seed in range(arguments.seeds):
            traces = make_traces(task, arguments.data, arguments.cache, seed, quick=arguments.quick)
            logs.setdefault(task.name, []).append(traces)
            start = time.process_time()
            by_outside = results.setdefault(task.name, {})
            for outside, methods in evaluate(traces).items():
                for method, value in methods.items():
                    by_outside.setdefault(outside, {}).setdefault(method, []).append(value)
            seconds = time.process_time() - start
            say(f"{task.name}, seed {seed}: scored in {seconds:.0f} s")
    return results, logs, nets


def report(
    results: Results, logs: dict[str, list[Traces]], nets: list[NetResult], n_seeds: int
) -> str:
    parts = [PROTOCOL.format(seeds=n_seeds), "## Requirements", requirements(results, nets)]
    if results:
        parts += ["## AUROC", overview(results), "## Methods", METHOD_NOTES]
    if nets:
        parts += ["## LeNet and LayerEnsemble", DESCRIPTION, net_tables(nets)]
    if results:
        parts += ["## Autoencoders", training_table(logs), "## One by one", pair_tables(results)]
    return "\n\n".join(parts)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "mnist/, cifar10/, ...")
    parser.add_argument("--seeds", type=at_least_one, default=3)
    parser.add_argument("--only", default="", metavar="PATTERN", help="sets with this in the name")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs, to try it out")
    add_cache(parser, "networks and traces are kept here")
    arguments = parser.parse_args()
    if not (arguments.data / "mnist").is_dir():
        parser.error(
            f"argument --data: must be a folder with mnist/. Got {arguments.data} instead."
        )
    return arguments


def main() -> None:
    arguments = parse_arguments()
    tasks = [task for task in all_tasks() if arguments.only.lower() in task.name.lower()]
    if not tasks and arguments.only.lower() not in LENET.lower():
        names = ", ".join(repr(name) for name in [LENET, *(task.name for task in all_tasks())])
        sys.exit(f"The '--only' argument must be part of one of {names}. Got {arguments.only!r}.")
    body = report(*run(tasks, arguments), arguments.seeds)
    if arguments.only or arguments.quick:
        print(body)
        say("not written: only a run on everything is kept")
        return
    command = COMMAND + ("" if arguments.seeds == 3 else f" --seeds {arguments.seeds}")
    packages = ["skood", "numpy", "scipy", "scikit-learn", "torch", "pillow"]
    write_result("lcp_paper", command, packages, body)


if __name__ == "__main__":
    main()
