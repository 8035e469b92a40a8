"""The prose on the pages of Table 2."""

from __future__ import annotations

import numpy as np

from _common.report import judged
from _table2.table import Table
from _table2.tasks import Task

PROTOCOLS = {
    "no OoD data": (
        "Without out-of-distribution data",
        "A user has training rows and a trained net. Every parameter has its default.",
    ),
    "tuned": (
        "Tuned on 500 + 500 rows",
        "As the authors do: weights, perturbation and temperature are learnt from 500 "
        "in-distribution and 500 out-of-distribution rows, none of which is reported.",
    ),
    "exposed": (
        "Outlier exposure",
        "More epochs ({epochs}), with as many outliers of another kind as rows: {exposure}.",
    ),
}
CONDITIONS = {
    "fmnist": """\
The net and recipe of the authors' code: 32 and 64 filters of 3 × 3, each with ReLU, pooling,
dropout of whole maps, 128 hidden units with ReLU and dropout; all 60,000 images for 14 epochs
(Adadelta, steps times 0.7 an epoch, batches of 64; products in bfloat16). Of each test set, 2,500
images that nothing is tuned on are reported, drawn at random. Nothing was tuned on CIFAR-10 grey:
it shows the price of tuning. But outlier exposure has seen other images of that kind.""",
    "cifar10-narrow": """\
A narrow residual net (three stages of two blocks, 32, 64 and 128 channels) is trained for 24 epochs
(SGD with Nesterov momentum; cycles of 8, 10 and 6 epochs, up to 0.3, 0.2 and 0.1; images shifted
and mirrored). """,
    "cifar10-resnet34": """\
ResNet34, made for images of 32 × 32, is trained for 40 epochs (SGD with Nesterov momentum, one
cycle up to 0.3, images shifted and mirrored). """,
    "genome": """\
The paper's data (Ren et al. 2019) is not available. These are reads of 250 bases of other genomes:
six bacteria as classes, eight of other genera as out-of-distribution. So the paper's values are of
another set. The net: a convolution over words of twelve bases, every fourth; an LSTM both ways (128
units each); the mean of its states; logits. 12 epochs of AdamW, reads turned to the other strand at
random. Reported are 4,000 test reads of the six and 500 of each other genome. Rows to tune on are
training reads of four of the eight genomes (Salmonella, Shewanella, Mycoplasma,
Sphingobacteriaceae); nothing was tuned on the other four. Outlier exposure is not run, as in the
paper: there is no neutral set.""",
}
CIFAR10_SETS = """\
Of each set, 1,000 images that nothing is tuned on are reported, drawn at random. SVHN is a part
only: the first 10,000 of its 26,032 test images. Both sets are JPEG files of one quality, not the
lossless originals. Nothing was tuned on MNIST in colour. Perturbations of 0.002 and 0.01 are tried,
and none."""
REQUIRED = {  # of fmnist: protocol, method, least AUROC in the mean of the nets
    ("tuned", "FSSD, logistic"): 98.5,
    ("tuned", "FSSD, logistic, perturbed"): 98.8,
    ("no OoD data", "FSSD, profile"): 96.0,
    ("tuned", "Maha, logistic"): 98.7,
    ("no OoD data", "Maha, layers summed"): 98.5,
    ("no OoD data", "LCP, layers summed"): 98.9,
    ("no OoD data", "Energy"): 89.0,
    ("exposed", "OE: max softmax"): 99.0,
}
LEAST_ACCURACY = {"cifar10-narrow": 88.0}  # of the nets on test rows, in %
MOST_BELOW_PAPER = 1.0
MOST_WITHOUT_ENSEMBLE = 2  # nets


def conditions(task: Task, n_nets: int, n_trained: int) -> str:
    spread = "mean ± standard deviation over the nets" if n_nets > 1 else "of one net: no spread"
    text = CONDITIONS[task.key] + (CIFAR10_SETS if task.name == "cifar10" else "")
    ensemble = (
        "A deep ensemble takes the place of a net and consists of all other nets."
        if n_trained > MOST_WITHOUT_ENSEMBLE
        else "There is no deep ensemble, which needs several other nets."
    )
    return (
        f"{text}\n\n{n_nets} {'nets' if n_nets > 1 else 'net'} of {n_trained}; in %, {spread}. "
        "AUROC and AUPRC (in-distribution rows are the positives): higher is better; FPR80 and "
        "FPR95 (share of the out-of-distribution rows that pass where 80 and 95 % of the others "
        f"do): lower. {ensemble}"
    )


def requirements(table: Table) -> str:
    lines = []
    least = LEAST_ACCURACY.get(table.task.key)
    if least is not None:
        value = float(np.mean(table.accuracies))
        lines.append(
            f"- accuracy on test rows: {value:.2f}, at least {least} {judged(value >= least)}"
        )
    wanted = REQUIRED if table.task.name == "fmnist" else {}
    for (protocol, method), least in wanted.items():
        if method in table.values.get(protocol, {}):
            value = table.mean(protocol, method, table.sets[0])[0]
            said = f"AUROC {value:.2f}, at least {least} {judged(value >= least)}"
            lines.append(f"- {method} ({protocol}): {said}")
    return "\n".join(lines)


def notes(table: Table) -> str:
    """The values below the paper's, and the remarks of the task."""
    lines = []
    for protocol, methods in table.values.items():
        for method in methods:
            paper = table.task.paper.get(table.methods[method].paper)
            value = table.mean(protocol, method, table.sets[0])[0]
            if paper and value < paper[0] - MOST_BELOW_PAPER:
                lines.append(f"- {method}: {paper[0] - value:.1f} points below the paper's AUROC.")
    return "\n".join([*lines, *(f"- {remark}" for remark in table.task.remarks)])
