"""The cost of features of a torch module above its bare forward pass.

    python benchmarks/cost/features.py           # some three minutes on two processors
    python benchmarks/cost/features.py --quick   # small sizes, to try the script

Both run in turn, over the same batches. The memory is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded

import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

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
from _common.peers import gaussian_rows
from _common.report import judged, markdown_table, say, write_result
from _common.timing import (
    N_THREADS,
    alternate,
    bare_forward,
    clocked,
    in_seconds,
    paired_ratio,
    use_two_threads,
)
from skood.cli.arguments import count as at_least_one
from skood.deep import TorchFeatureTransformer

AT_MOST = 1.1  # times the bare forward pass
ABOVE = 15  # MB above one batch and the result: the rounding of the allocator
BATCH = 64
WARM = 16  # batches: the first fills the libraries' caches, the next show temporary memory
N_LAYERS = (1, 2, 4, 8)
PACKAGES = ["skood", "torch", "numpy", "scikit-learn"]

METHOD = """\
{threads} threads, {n:,} samples in batches of {batch}. The bare forward pass is `module(batch)`
over the same batches, without gradients, in evaluation mode, of a tensor that is ready. The
extraction is `transform` of an array, to the end: checks, copies, means over pixels or tokens, the
result. Of the eight blocks of each module every eighth, fourth, second or each is taken. Medians of
{runs} alternating runs after a warm-up; a ratio is the median (least–most) of the ratios of paired
runs. The last ratio is that of the processor time of both threads, which other programs on the
machine don't change as much; threads sleep while they wait. {load}"""

MEMORY = """\
In a process of its own, with data and module in memory and all eight blocks taken. One batch is the
highest resident memory of bare forward passes over {warm} batches, one at a time, less the resident
memory before; "peak" is that of `transform`. "Above both" is the peak less the batch and the
result. The C library returns freed memory at once (by {variables}): otherwise it keeps tens of MB,
in bare passes as well. 1 MB = 10⁶ bytes."""


def conv_net() -> nn.Module:
    """Eight convolutions with batch normalisation on 32 × 32 colour images."""
    blocks, width = OrderedDict(), 3
    for i, (channels, stride) in enumerate(
        [(16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1)]
    ):
        blocks[f"block{i}"] = nn.Sequential(
            nn.Conv2d(width, channels, 3, stride, 1), nn.BatchNorm2d(channels), nn.ReLU()
        )
        width = channels
    return nn.Sequential(blocks).extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)])


def encoder() -> nn.Module:
    """Eight layers of a transformer encoder on 32 tokens of width 64."""
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    return nn.Sequential(
        OrderedDict(encoder=nn.TransformerEncoder(layer, 8, enable_nested_tensor=False))
    )


# name, module, shape of a sample, names of its eight blocks
WORK: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "conv net": (conv_net, (3, 32, 32), "block{}"),
    "transformer encoder": (encoder, (32, 64), "encoder.layers.{}"),
}


def samples(n: int, shape: tuple[int, ...]) -> NDArray:
    return gaussian_rows(n, int(torch.Size(shape).numel())).reshape(n, *shape)


def blocks(names: str, n_layers: int) -> list[str]:
    """The given number of the eight blocks, evenly spread, with the last one."""
    step = 8 // n_layers
    return [names.format(i) for i in range(step - 1, 8, step)]


def speed_lines(name: str, n: int, n_runs: int) -> list[list[str]]:
    """A line of the table for each number of layers."""
    make, shape, names = WORK[name]
    module, X = make(), samples(n, shape)
    contestants: dict[str, Callable[[], Any]] = {
        "bare": bare_forward(module, list(torch.from_numpy(X).split(BATCH)))
    }
    for count in N_LAYERS:
        transformer = TorchFeatureTransformer(module, blocks(names, count), batch_size=BATCH)
        transformer.fit(X)
        contestants[str(count)] = lambda transformer=transformer: transformer.transform(X)
    spent: dict[str, list[float]] = {key: [] for key in contestants}
    clocks = {key: clocked(run, spent[key]) for key, run in contestants.items()}
    runs = alternate(clocks, n_runs, say=say)
    lines = []
    for count in map(str, N_LAYERS):
        ratio = paired_ratio(runs[count], runs["bare"])
        of_processor = paired_ratio(spent[count][1:], spent["bare"][1:])
        times = [in_seconds(runs[key]) for key in ("bare", count)]
        required = f"≤ {AT_MOST:.1f} {judged(ratio.median <= AT_MOST)}"
        lines.append([name, count, *times, str(ratio), required, str(of_processor)])
    return lines


def measure_memory(name: str, n: int) -> dict[str, float]:
    """In the process of its own: MB of one bare batch, of the extraction, and of its result."""
    make, shape, names = WORK[name]
    use_two_threads()
    torch.set_num_threads(N_THREADS)
    module, X = make(), samples(n, shape)
    transformer = TorchFeatureTransformer(module, blocks(names, 8), batch_size=BATCH)
    bare = bare_forward(module, list(torch.from_numpy(X[: WARM * BATCH]).split(BATCH)))
    before = resident()
    forget_peak()
    bare()
    batch = peak() - before
    transformer.fit(X)
    forget_peak()
    result = transformer.transform(X)
    return {"batch": batch, "result": result.nbytes / MB, "peak": peak() - before}


def memory_line(name: str, n: int) -> list[str]:
    arguments = ("--measure", name, "--samples", str(n))
    figures = measured_in_new_process(__file__, *arguments, environment=GIVE_BACK)
    above = figures["peak"] - figures["batch"] - figures["result"]
    data = n * int(torch.Size(WORK[name][1]).numel()) * 4 / MB
    sizes = (data, figures["batch"], figures["result"], figures["peak"], above)
    return [
        name,
        f"{n:,}",
        *(f"{size:.0f} MB" for size in sizes),
        f"≤ {ABOVE} MB {judged(above <= ABOVE)}",
    ]


def report(n: int, n_runs: int, counts: list[int]) -> str:
    use_two_threads()
    torch.set_num_threads(N_THREADS)
    head = ["module", "layers", "bare", "extraction", "ratio", "required", "processor time"]
    lines = [line for name in WORK for line in speed_lines(name, n, n_runs)]
    load = f"The load average was {os.getloadavg()[1]:.1f} at the end."
    notes = METHOD.format(threads=N_THREADS, n=n, batch=BATCH, runs=n_runs, load=load)
    body = f"## Time\n\n{notes}\n\n{markdown_table(head, lines)}"
    if not PEAK_IS_MEASURABLE:
        return f"{body}\n\nThe memory can be measured on Linux only."
    head = ["module", "samples", "data", "one batch", "result", "peak", "above both", "required"]
    lines = [memory_line(name, count) for name in WORK for count in counts]
    notes = MEMORY.format(warm=WARM, variables=GIVE_BACK_TEXT)
    return f"{body}\n\n## Memory above the data\n\n{notes}\n\n{markdown_table(head, lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--runs", type=at_least_one, default=15, help="runs of each contestant")
    parser.add_argument("--measure", metavar="NAME", help="measure memory in this process")
    parser.add_argument("--samples", type=int, default=2_000, help="for --measure")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure_memory(arguments.measure, arguments.samples)))
        return
    if arguments.quick:
        print(report(256, 3, [1_000]))  # a partial run must not replace the page
        return
    body = report(512, arguments.runs, [2_000, 20_000])
    write_result("features", "python benchmarks/cost/features.py", PACKAGES, body)


if __name__ == "__main__":
    main()
