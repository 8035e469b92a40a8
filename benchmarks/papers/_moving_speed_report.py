"""The movement of features in training, as tables and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from _common.report import markdown_table
from skood.metrics import auroc

Distances = dict[str, tuple[np.ndarray, np.ndarray]]  # to F*, and moved; (checkpoints, rows)
INSIDE, OUTSIDE, NOISE = "Fashion-MNIST", "MNIST", "noise"
INTRODUCTION = """\
A LeNet is trained on Fashion-MNIST for {epochs} epochs, with {seeds} seeds. 1,000 test images of
Fashion-MNIST, 1,000 of MNIST and 1,000 of uniform noise go through it at checkpoints (maps are
taken by their spatial mean). *Distance to the singularity*: from the feature of a row to the mean
feature of noise at the same checkpoint, the FSSD score. *Movement*: from the feature of a row to
that of the same row before the training. The paper (section "Understanding") says that
out-of-distribution features move slowly, and that the first distance approximates the second.

![Both distances over the training](moving-speed.png)

The lines are medians over the rows, the bands hold the middle half of them (the first seed)."""


def markdown(runs: Sequence[dict[str, Distances]], steps: Sequence[int], epochs: int) -> str:
    parts = [
        INTRODUCTION.format(epochs=epochs, seeds=len(runs)),
        "## Rank correlation of the two sides of FSSD(x) ≈ ‖F_θ0(x) − F_θt(x)‖",
        "Spearman's, after the last step, mean ± standard deviation over the seeds.",
        _correlations(runs),
        "## The same over the training",
        "Over the rows of Fashion-MNIST and MNIST together, mean over the seeds.",
        _over_time(runs, steps),
        "## What it is worth as a score",
        "After the last step. AUROC in %, Fashion-MNIST against MNIST: above 50 where the former "
        "lies further (or moved further). Movement: median of Fashion-MNIST, MNIST and noise.",
        _worth(runs),
    ]
    return "\n\n".join(parts)


def _last(distances: Distances, kinds: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    return _at(distances, kinds, -1)


def _at(distances: Distances, kinds: Sequence[str], i: int) -> tuple[np.ndarray, np.ndarray]:
    both = [(distances[kind][0][i], distances[kind][1][i]) for kind in kinds]
    return np.concatenate([a for a, _ in both]), np.concatenate([b for _, b in both])


def _cell(values: Sequence[float], digits: int = 2) -> str:
    mean, spread = np.mean(values), np.std(values)
    return f"{mean:.{digits}f} ± {spread:.{digits}f}"


def _rank(pair: tuple[np.ndarray, np.ndarray]) -> float:
    return float(spearmanr(*pair).statistic)


def _correlations(runs: Sequence[dict[str, Distances]]) -> str:
    groups = {
        "both": (INSIDE, OUTSIDE),
        INSIDE: (INSIDE,),
        OUTSIDE: (OUTSIDE,),
        "with noise": (INSIDE, OUTSIDE, NOISE),
    }
    rows = [
        [layer, *(_cell([_rank(_last(run[layer], k)) for run in runs]) for k in groups.values())]
        for layer in runs[0]
    ]
    return markdown_table(["layer", *groups], rows)


def _over_time(runs: Sequence[dict[str, Distances]], steps: Sequence[int]) -> str:
    rows = []
    for i, step in enumerate(steps):
        if step == 0:
            continue  # nothing has moved yet
        pairs = [
            np.mean([_rank(_at(run[layer], (INSIDE, OUTSIDE), i)) for run in runs])
            for layer in runs[0]
        ]
        rows.append([f"{step:,}", *(f"{value:.2f}" for value in pairs)])
    return markdown_table(["step", *runs[0]], rows)


def _worth(runs: Sequence[dict[str, Distances]]) -> str:
    rows = []
    for layer in runs[0]:
        labels = np.repeat([1, -1], [len(runs[0][layer][k][0][-1]) for k in (INSIDE, OUTSIDE)])
        pairs = [_last(run[layer], (INSIDE, OUTSIDE)) for run in runs]
        cells = [_cell([100 * auroc(labels, pair[i]) for pair in pairs], 1) for i in (0, 1)]
        moved = [
            f"{np.mean([np.median(run[layer][kind][1][-1]) for run in runs]):.3g}"
            for kind in (INSIDE, OUTSIDE, NOISE)
        ]
        rows.append([layer, *cells, " / ".join(moved)])
    head = ["layer", "AUROC of the distance to F*", "AUROC of the movement", "movement"]
    return markdown_table(head, rows)


def picture(run: dict[str, Distances], steps: Sequence[int], path: Path) -> None:
    """Distance to F* above, movement below; a column for each layer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(run), 5.6), layout="constrained")
    axes = figure.subplots(2, len(run), sharex=True)
    looks = {INSIDE: ("black", "-"), OUTSIDE: ("tab:red", "--"), NOISE: ("tab:blue", ":")}
    for column, (layer, distances) in enumerate(run.items()):
        for line, title in enumerate(("distance to F*", "movement")):
            ax = axes[line, column]
            for kind, (colour, style) in looks.items():
                low, middle, high = np.quantile(distances[kind][line], (0.25, 0.5, 0.75), axis=1)
                ax.plot(steps, middle, style, color=colour, label=kind)
                ax.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
            ax.set_xscale("symlog", linthresh=10)
            ax.set_ylim(bottom=0)
            ax.set_ylabel(title if column == 0 else "")
            ax.set_title(layer if line == 0 else "")
            ax.set_xlabel("step" if line else "")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110)
