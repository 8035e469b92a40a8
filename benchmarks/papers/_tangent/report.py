"""The derivation, the Gaussian process and the phases of a training, as tables and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from _common.report import judged, markdown_table
from skood.metrics import auroc

Run = dict[str, np.ndarray]
LINES = {
    "the integral, ∫ Σ Θ_t(x, x_m) ∂_m L dt": "integral",
    "constant kernel, of the first weights": "constant-first",
    "constant kernel, after the first epoch": "constant-epoch",
    "constant kernel, of the last weights": "constant-last",
}
INTRODUCTION = """\
A LeNet (the net of the authors' code) learns Fashion-MNIST by plain gradient steps for 3 epochs,
without dropout, {seeds} times. The rows are 500 test images of Fashion-MNIST (known) and 500 of
MNIST (unknown). The kernel is that of `skood.deep.TangentFeatureTransformer`; sums over training
rows take 1,000 of them.

![FSSD, movement and kernel over the training](tangent.png)

The lines are medians over the known and the unknown rows of the first training."""


def markdown(runs: Sequence[Run], steps: Sequence[int], layers: list[str], last: list[str]) -> str:
    parts = [
        INTRODUCTION.format(seeds=len(runs)),
        "## Do the lines of the derivation agree?",
        "Spearman's rank correlation with the true movement ‖F_θ0(x) − F_θt(x)‖ after the last "
        "step, over all rows, and in brackets the median ratio to it. Mean over the trainings.",
        _derivation(runs, last),
        "## When does the movement begin to rank as FSSD does?",
        "Spearman's rank correlation of the distance to F* with the movement, by checkpoint.",
        _fssd_and_movement(runs, steps, layers),
        "## Phases: how fast does the kernel change?",
        "Change of the centred kernel since the checkpoint before (0: the same but for a factor), "
        "per doubling of the steps.",
        _kernel(runs, steps, layers),
        "## What the scores are worth in each phase",
        "AUROC in %, of the distance to F* and of LCP, layer by layer and summed over the layers' "
        "ranks. Mean over the trainings.",
        _worth(runs, steps, layers),
        "## The Gaussian process beside other scores",
        "After the last step. AUROC in %, and Spearman's rank correlation between the scores of "
        "the known rows (above the diagonal) and of the unknown rows (below).",
        _scores(runs),
        "## Requirements",
        _requirements(runs, last),
    ]
    return "\n\n".join(parts)


def _rank(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b).statistic)


def _mean(values: Sequence[float], digits: int = 2) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def _agreement(run: Run, name: str, layer: str) -> tuple[float, float]:
    line, moved = run[f"{name}/{layer}"], run[f"moved/{layer}"][-1]
    return _rank(line, moved), float(np.median(line / moved))


def _derivation(runs: Sequence[Run], last: list[str]) -> str:
    rows = []
    for title, name in LINES.items():
        cells = []
        for layer in last:
            pairs = [_agreement(run, name, layer) for run in runs]
            ranks, ratios = zip(*pairs, strict=True)
            cells.append(f"{_mean(ranks)} ({np.mean(ratios):.2f})")
        rows.append([title, *cells])
    both = [
        _mean([_rank(run[f"distance/{layer}"][-1], run[f"moved/{layer}"][-1]) for run in runs])
        for layer in last
    ]
    return markdown_table(["line", *last], [*rows, ["FSSD, the distance to F*", *both]])


def _fssd_and_movement(runs: Sequence[Run], steps: Sequence[int], layers: list[str]) -> str:
    rows = []
    for i, step in enumerate(steps):
        if step == 0:
            continue  # nothing has moved yet
        ranks = (
            np.mean([_rank(r[f"distance/{layer}"][i], r[f"moved/{layer}"][i]) for r in runs])
            for layer in layers
        )
        rows.append([f"{step:,}", *(f"{rank:.2f}" for rank in ranks)])
    return markdown_table(["step", *layers], rows)


def _kernel(runs: Sequence[Run], steps: Sequence[int], layers: list[str]) -> str:
    rows = []
    for i in range(1, len(steps)):
        doublings = np.log2(steps[i] / max(steps[i - 1], 1)) or 1.0
        means = (np.mean([run[f"kernel/{layer}"][i] for run in runs]) for layer in layers)
        cells = [f"{mean / doublings:.3f}" for mean in means]
        rows.append([f"{steps[i - 1]:,} to {steps[i]:,}", *cells])
    return markdown_table(["steps", *layers], rows)


def _labels(values: np.ndarray) -> np.ndarray:
    return np.repeat([1, -1], len(values) // 2)


def _auroc(values: np.ndarray) -> float:
    return 100 * auroc(_labels(values), values)


def _summed(run: Run, name: str, layers: list[str], i: int) -> np.ndarray:
    return sum(run[f"{name}/{layer}"][i].argsort().argsort() for layer in layers)


def _worth(runs: Sequence[Run], steps: Sequence[int], layers: list[str]) -> str:
    tables = []
    for name in ("distance", "lcp"):
        rows = []
        for i, step in enumerate(steps):
            cells = [np.mean([_auroc(r[f"{name}/{layer}"][i]) for r in runs]) for layer in layers]
            cells.append(np.mean([_auroc(_summed(run, name, layers, i)) for run in runs]))
            rows.append([f"{step:,}", *(f"{cell:.1f}" for cell in cells)])
        title = "Distance to F*" if name == "distance" else "LCP"
        tables.append(markdown_table([f"{title}, step", *layers, "all four"], rows))
    return "\n\n".join(tables)


def _scores(runs: Sequence[Run]) -> str:
    names = [name for name in runs[0] if name.startswith("score/")]
    short = [name.removeprefix("score/") for name in names]
    rows, n = [], len(runs[0][names[0]]) // 2
    for a, name in enumerate(names):
        cells = [_mean([_auroc(run[name]) for run in runs], 1)]
        for b, other in enumerate(names):
            if a == b:
                cells.append("")
                continue
            half = slice(None, n) if b > a else slice(n, None)
            cells.append(f"{np.mean([_rank(r[name][half], r[other][half]) for r in runs]):.2f}")
        rows.append([f"{a + 1}. {short[a]}", *cells])
    return markdown_table(["score", "AUROC", *(f"{i + 1}" for i in range(len(names)))], rows)


def _requirements(runs: Sequence[Run], last: list[str]) -> str:
    worst = min(
        np.mean([_agreement(run, "constant-epoch", layer)[0] for run in runs]) for layer in last
    )
    return (
        f"Rank correlation of ‖Σ Θ(x, x_m) ν_m‖, with the kernel after the first epoch, with the "
        f"true movement in the last two layers: at least 0.9. Smallest mean: {worst:.2f} "
        f"{judged(worst >= 0.9)}."
    )


def picture(runs: Sequence[Run], steps: Sequence[int], layers: list[str], path: Path) -> None:
    """Distance to F*, movement and change of the kernel; a column for each layer."""
    from skood.plots import TrainingTraceDisplay

    run = runs[0]

    def by_layer(name: str) -> dict[str, dict[str, np.ndarray]]:
        halves = {layer: np.hsplit(run[f"{name}/{layer}"], 2) for layer in layers}
        return {layer: {"known": a, "unknown": b} for layer, (a, b) in halves.items()}

    kernel = {layer: run[f"kernel/{layer}"] for layer in layers}
    display = TrainingTraceDisplay(steps, by_layer("distance"), by_layer("moved"), kernel).plot()
    display.figure_.savefig(path, dpi=80)
