"""The cost of FSSD above the bare forward pass of a LeNet, with and without perturbed inputs.

    python benchmarks/cost/fssd_cost.py           # some ten minutes on one processor
    python benchmarks/cost/fssd_cost.py --quick   # small sizes, to try the script

All run in turn, over the same batches. The memory is measured in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.lenet import FILTERS, HIDDEN, LAYERS, lenet
from _common.memory import (
    GIVE_BACK,
    GIVE_BACK_TEXT,
    MB,
    PEAK_IS_MEASURABLE,
    forget_peak,
    measured_in_new_process,
    peak,
    resident,
)
from _common.report import judged, markdown_table, say, write_result
from _common.timing import alternate, bare_forward, clocked, in_seconds, paired_ratio
from skood import FSSDScorer
from skood.cli.arguments import count as at_least_one
from skood.deep import TorchFeatureTransformer

N, N_LESS = 10_000, 2_500
BATCH = 100
PLAIN_AT_MOST = 1.15  # times the bare forward pass
PER_LAYER_AT_MOST = 4  # forward passes for each layer, with perturbation
FLAT = 15  # MB between both numbers of images: the rounding of the allocator
PACKAGES = ["skood", "torch", "numpy", "scikit-learn"]
OPTIONS = {
    "plain": {"perturbation": 0.0},
    "perturbed, sign": {"perturbation": 0.01},
    "perturbed, standardised": {"perturbation": 0.01, "gradient": "standardised"},
}

METHOD = f"""\
One thread, {{n:,}} images of 28 × 28 (perturbed: {{n_perturbed:,}}) in batches of {BATCH}; a LeNet
({FILTERS[0]} and {FILTERS[1]} filters of 5 × 5, {HIDDEN} hidden units) and its layers
{", ".join(LAYERS)}. The bare pass is `module(batch)` over the same batches, without gradients, in
evaluation mode, of a tensor that is ready. FSSD is `score_samples` of an array, to the end:
features, distances, the nearest of as many training profiles. Medians of {{runs}} alternating runs
after a warm-up; ratios are the median (least–most) of the ratios of paired runs. Those of processor
time decide: other programs on the machine don't change them as much. The load average was
{{load:.1f}} at the end."""
MEMORY = """\
In processes of their own, with images, module and fitted scorer in memory: the highest resident
memory during scoring, less the resident memory before and less the result. The C library returns
freed memory at once (by {variables}). 1 MB = 10⁶ bytes."""


def images(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((n, 1, 28, 28), dtype=np.float32)


def fitted_scorer(module: nn.Module, X: NDArray, name: str) -> FSSDScorer:
    features = TorchFeatureTransformer(module, list(LAYERS), batch_size=BATCH, device="cpu")
    return FSSDScorer(features, random_state=0, **OPTIONS[name]).fit(X)


def time_table(n: int, n_perturbed: int, n_runs: int) -> str:
    head = ["FSSD", "images", "time", "ratio", "processor time", "of that a layer", "required"]
    perturbed = [name for name in OPTIONS if name != "plain"]
    lines = time_lines(["plain"], n, n_runs) + time_lines(perturbed, n_perturbed, n_runs)
    notes = METHOD.format(n=n, n_perturbed=n_perturbed, runs=n_runs, load=os.getloadavg()[1])
    return f"## Time\n\n{notes}\n\n{markdown_table(head, lines)}"


def time_lines(names: list[str], n: int, n_runs: int) -> list[list[str]]:
    """Lines of the table: the bare pass over n images, and the scoring of these."""
    training, X = images(n), images(n, seed=1)
    module = lenet(training, 0)
    contestants = {"bare": bare_forward(module, list(torch.from_numpy(X).split(BATCH)))}
    for name in names:
        scorer = fitted_scorer(module, training, name)
        contestants[name] = lambda scorer=scorer: scorer.score_samples(X)
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    clocks = {name: clocked(run, spent[name]) for name, run in contestants.items()}
    runs = alternate(clocks, n_runs, say=say)
    lines = [["bare forward pass", f"{n:,}", in_seconds(runs["bare"]), *[""] * 4]]
    for name in names:
        ratio = paired_ratio(spent[name][1:], spent["bare"][1:])
        wall = paired_ratio(runs[name], runs["bare"])
        of_layer = ratio.median / len(LAYERS)
        bar = f"≤ {PLAIN_AT_MOST} in all"
        required = f"{ratio.median:.2f}, {bar} {judged(ratio.median <= PLAIN_AT_MOST)}"
        if name != "plain":
            required = f"≤ {PER_LAYER_AT_MOST} a layer {judged(of_layer <= PER_LAYER_AT_MOST)}"
        measured = [in_seconds(runs[name]), str(wall), str(ratio), f"{of_layer:.2f}"]
        lines.append([name, f"{n:,}", *measured, required])
    return lines


def measure_memory(name: str, counts: list[int]) -> list[float]:
    """In a process of its own: MB above the result during the scoring of each number of images."""
    training, X = images(counts[0]), images(max(counts), seed=1)
    scorer = fitted_scorer(lenet(training, 0), training, name)
    scorer.score_samples(X[: counts[0]])  # fills the libraries' caches
    before, peaks = resident(), []
    for count in counts:
        forget_peak()
        peaks.append(peak_above(scorer, X[:count], before))
    return peaks


def peak_above(scorer: FSSDScorer, X: NDArray, before: float) -> float:
    result = scorer.score_samples(X)
    return peak() - before - result.nbytes / MB


def memory_table(counts: list[int]) -> str:
    if not PEAK_IS_MEASURABLE:
        return "The memory can be measured on Linux only."
    lines = []
    for name in OPTIONS:
        arguments = ("--measure", name, "--counts", *map(str, counts))
        peaks = measured_in_new_process(__file__, *arguments, environment=GIVE_BACK)
        growth = peaks[-1] - peaks[0]
        flat = f"{growth:+.1f} MB, ≤ {FLAT} MB {judged(growth <= FLAT)}"
        lines.append([name, *(f"{value:.1f} MB" for value in peaks), flat])
    head = ["FSSD", *(f"{count:,} images" for count in counts), "growth"]
    notes = MEMORY.format(variables=GIVE_BACK_TEXT)
    return f"## Memory above the result\n\n{notes}\n\n{markdown_table(head, lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--runs", type=at_least_one, default=5, help="runs of each contestant")
    parser.add_argument("--measure", metavar="NAME", help="measure memory in this process")
    parser.add_argument("--counts", type=int, nargs="+", default=[N_LESS, N])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)
    if arguments.measure:
        print(json.dumps(measure_memory(arguments.measure, arguments.counts)))
        return
    if arguments.quick:
        print(
            f"{time_table(300, 100, 2)}\n\n{memory_table([200, 400])}"
        )  # a partial run writes no page
        return
    body = f"{time_table(N, N_LESS, arguments.runs)}\n\n{memory_table(arguments.counts)}"
    command = "python benchmarks/cost/fssd_cost.py"
    write_result("fssd_cost", command, PACKAGES, body)


if __name__ == "__main__":
    main()
