"""Answers of the pages about the papers of LCP and FSSD."""

from __future__ import annotations

from ..chart import Chart
from ..tables import number
from .parts import Answer, Question, Tables, best, table

_PROTOCOLS = {
    "Without out-of-distribution data": "without OoD data",
    "Tuned on 500 + 500 rows": "tuned on 500 + 500 rows",
    "Outlier exposure": "trained with other outliers",
}


def lcp_paper(tables: Tables) -> Answer:
    """Scores of the traces of autoencoders, and a LeNet."""
    areas = table(tables, "AUROC")
    shown = ("LCP, whitened", "kNN", "KD", "reconstruction")
    sets = areas.head[1:]
    by_method = {
        name: dict(zip(sets, map(float, row[1:]), strict=True))
        for row in areas.rows
        if (name := row[0]) in shown
    }
    ours, knn, density, simple = (by_method[name] for name in shown)
    first, second = sets[0], sets[1]
    ahead = sum(ours[name] > max(knn[name], density[name]) for name in sets)
    lost = [name for name in sets if simple[name] > ours[name]]
    hard = min(ours, key=ours.__getitem__)
    layers = table(tables, "LeNet", "AUROC").numbers("AUROC")["MNIST"]
    return Answer(
        f"Yes: on traces of autoencoders LCP has AUROC {ours[first]:.2f} % ({first}) and "
        f"{ours[second]:.2f} % ({second}), and on the layers of a LeNet {layers:.2f} %; it is "
        f"ahead of kNN and kernel density on {ahead} of {len(sets)} sets.",
        f"The reconstruction error alone is better on {len(lost)} of them, and every score fails "
        f"on {hard} (LCP {ours[hard]:.2f} %).",
        Chart("AUROC in %", {name: by_method[name] for name in shown}),
    )


def table2(tables: Tables) -> Answer:
    """All scores of a network, beside the paper's values."""
    parts = {
        title: one
        for section, title in _PROTOCOLS.items()
        for one in tables
        if one.section == section
    }
    areas = {title: one.numbers("AUROC") for title, one in parts.items()}
    free, tuned = list(areas.values())[:2]
    paper = {
        name: value for one in parts.values() for name, value in one.numbers("paper AUROC").items()
    }
    fssd, first = "FSSD, logistic, perturbed", best(free)
    hard = table(tables, "AUROC by set").head
    gap = tuned[fssd] - paper[fssd]
    said = "Yes" if gap > -1 else "No"
    whose = "the paper" if "MNIST" in "".join(hard) else "the paper, on reads of other genomes,"
    worst = free["FSSD, equal weights"]
    return Answer(
        f"{said}: tuned as in the paper, FSSD has AUROC {tuned[fssd]:.2f} %, and {whose} "
        f"{paper[fssd]:.1f} %; without OoD data, {first} is best with {free[first]:.2f} %, and "
        f"FSSD's profile has {free['FSSD, profile']:.2f} %.",
        f"FSSD with equal weights of all layers has {worst:.2f} %. {_where(tables, fssd)}".strip(),
        Chart("AUROC in %", {**areas, "the paper's": paper}),
    )


def _where(tables: Tables, fssd: str) -> str:
    """The price of tuning, on the set with the lowest AUROC of tuned FSSD."""
    one = table(tables, "AUROC by set")
    values = {name: one.numbers(name)[fssd] for name in one.head[1:]}
    other = min(values, key=values.__getitem__)
    return f"The weights that were tuned for other rows have {values[other]:.2f} % on {other}."


def moving_speed(tables: Tables) -> Answer:
    """Distance to the singularity beside movement."""
    rank = table(tables, "Rank correlation").numbers("both")
    steps = table(tables, "The same over the training")
    last = list(rank)[1:]
    first = next(iter(rank))
    return Answer(
        "After the first layer, the distance of a row to the singularity ranks rows as their "
        f"movement in training does: Spearman's correlation is {min(rank[n] for n in last):.2f} to "
        f"{max(rank[n] for n in last):.2f}.",
        f"In the first layer it is {rank[first]:.2f}: there the paper's approximation fails.",
        Chart(
            "Spearman's correlation",
            {layer: {row[0]: float(row[i]) for row in steps.rows}
             for i, layer in enumerate(steps.head[1:], start=1)},
            kind="lines",
            below="step of the training",
        ),
    )  # fmt: skip


def tangent(tables: Tables) -> Answer:
    """The lines of the derivation, and the Gaussian process."""
    lines, scores = table(tables, "Do the lines"), table(tables, "The Gaussian process", "AUROC")
    by_epoch, first = (
        [number(cell) for cell in next(row for row in lines.rows if row[0].endswith(end))[1:]]
        for end in ("after the first epoch", "of the first weights")
    )
    areas = scores.numbers("AUROC")
    fssd, process = (
        next(name for name in areas if part in name) for part in ("FSSD", "process, all weights")
    )
    return Answer(
        "With the kernel after the first epoch, the sum over the training rows ranks new rows as "
        f"their movement does: Spearman's correlation is {min(by_epoch):.2f} to "
        f"{max(by_epoch):.2f} in the last layers.",
        f"With the kernel of the first weights it is {min(first):.2f} to {max(first):.2f}. As a "
        f"score, the Gaussian process has AUROC {areas[process]:.1f} % and FSSD "
        f"{areas[fssd]:.1f} %.",
        Chart("AUROC in %, Fashion-MNIST against MNIST", {"score": areas}),
    )


QUESTIONS = {
    "lcp_paper": Question("Does LCP do what its paper says?", lcp_paper),
    "table2-fmnist": Question(
        "Does FSSD find MNIST among Fashion-MNIST as its paper says?", table2
    ),
    "table2-cifar10": Question("Does FSSD find SVHN among CIFAR-10 as its paper says?", table2),
    "table2-genome": Question("Does FSSD find the reads of other bacteria?", table2),
    "tangent": Question(
        "Does the poster's derivation hold, and what does its Gaussian process say?", tangent
    ),
    "moving_speed": Question("Why does FSSD work: what moves in training?", moving_speed),
}
