"""Answers of the pages about accuracy."""

from __future__ import annotations

import re

from ..chart import Chart
from ..tables import number
from .parts import Answer, Question, Tables, best, peers, table


def suite(tables: Tables) -> Answer:
    """Presets and peers on hundreds of tables."""
    suites = ("OddBench", "OvRBench")
    odd, ovr, adbench = (table(tables, name, "AUROC") for name in (*suites, "ADBench"))
    areas = {one.section: one.numbers("AUROC") for one in (odd, ovr, adbench)}
    peer = best(areas["OddBench"], peers(areas["OddBench"]))
    ours = [f"{areas[name]['tabular']:.2f} % on {name}" for name in suites]
    theirs = [f"{areas[name][peer]:.2f}" for name in suites]
    last = best(areas["ADBench"], peers(areas["ADBench"]))
    gap = number(adbench.cell(last, "lead of tabular"))
    return Answer(
        f'`make_outlier_detector("tabular")`: its mean AUROC is {" and ".join(ours)}, and that of '
        f"the best peer, {peer}, {' and '.join(theirs)} %.",
        f"On {odd.cell(peer, 'behind')} sets of OddBench it is behind {peer}. On the 13 tables of "
        f"ADBench it leads {last} by {gap:.2f} points only, which may be chance, and "
        f"`tabular-fast` has {areas['ADBench']['tabular-fast']:.2f} against "
        f"{areas['ADBench']['tabular']:.2f} %.",
        Chart(
            "mean AUROC in %",
            {name: areas[name] for name in suites},
            ours=set(areas["OddBench"]) - {*peers(areas["OddBench"])},
        ),
    )


def adbench(tables: Tables) -> Answer:
    """Presets and peers on ADBench."""
    tabular, embedding = (table(tables, f"{kind} sets (") for kind in ("Tabular", "Embedding"))
    flat, deep = tabular.numbers("AUROC"), embedding.numbers("AUROC")
    n_sets = embedding.numbers("sets")
    whole = [name for name in peers(deep) if n_sets[name] == max(n_sets.values())]
    first, second = best(flat, peers(flat)), best(deep, whole)
    wins = "preset wins / ties / losses"
    return Answer(
        f"On tables the preset `tabular-fast` has a mean AUROC of {flat['tabular-fast preset']:.2f}"
        f" % and the best peer, {first}, {flat[first]:.2f} %; on embeddings the preset `embedding` "
        f"has {deep['embedding preset']:.2f} % and the best peer, {second}, {deep[second]:.2f} %.",
        f"On tables the lead over {first} may be chance: wins, ties and losses are "
        f"{tabular.cell(first, wins)}. On embeddings, skood's own MD is closest with "
        f"{deep['MD']:.2f} %.",
        Chart(
            "mean AUROC in % (peers: PyOD, sklearn)",
            {
                title: {re.sub(".* preset", "preset", name): area for name, area in areas.items()}
                for title, areas in (("tables", flat), ("embeddings", deep))
            },
            ours={"preset", *flat, *deep} - {*peers(flat), *peers(deep)},
        ),
    )


def embeddings(tables: Tables) -> Answer:
    """All scores of arrays on embeddings."""
    scores = table(tables, "", "labels")
    areas, labels = scores.numbers("all"), {row[0]: row[1] for row in scores.rows}
    free, with_labels = ([n for n in areas if labels[n] == kind] for kind in ("no", "yes"))
    first, other = best(areas, free), best(areas, with_labels)
    gaps = table(tables, "The best rows", "preset less it").numbers("preset less it")
    worst = min(gaps, key=gaps.__getitem__)
    preset = "preset `embedding`"
    return Answer(
        f"{first}: it needs no class labels and has a mean AUROC of "
        f"{areas[first]:.1f} %; the preset has {areas[preset]:.1f} %, and the best score with "
        f"class labels, {other}, {areas[other]:.1f} %.",
        f"On rows that keep their lengths kNN has {areas['kNN']:.1f} % and MD {areas['MD']:.1f} %. "
        f"The preset is up to {-gaps[worst]:.2f} points behind the best score without labels "
        f"({worst}).",
        Chart(
            "mean AUROC in %",
            {
                "without class labels": {n: areas[n] for n in areas if labels[n] == "no"},
                "with class labels": {n: areas[n] for n in areas if labels[n] == "yes"},
            },
        ),
    )


def contamination(tables: Tables) -> Answer:
    """What OoD rows among the training rows cost."""
    preset = "tabular-fast preset"
    parts = [one for one in tables if "lost at 3 %" in one.head and one.head[0] == "method"]
    plain, robust = (
        [one.numbers("lost at 3 %")[name] for one in parts]
        for name in (preset, f"{preset} with it")
    )
    clean, dirty = (
        " and ".join(
            f"{one.numbers(f'lost at {share} %')[f'{preset} with it']:.2f}" for one in parts
        )
        for share in (0, 10)
    )
    least = best({name: -v for name, v in parts[-1].numbers("lost at 3 %").items()
                  if not name.endswith("with it")})  # fmt: skip
    shown = ("0 %", "1 %", "3 %", "10 %")
    names = {
        preset: preset,
        f"{preset} with it": "the same, robust=True",
        "kNN, k 50": "kNN, k 50",
        "MD": "MD",
    }
    return Answer(
        f"If 3 % of the training rows are OoD, the preset `tabular-fast` loses {plain[0]:.2f} "
        f"points of AUROC on ADBench's tables and {plain[1]:.2f} on others; with `robust=True` it "
        f"loses {robust[0]:.2f} and {robust[1]:.2f}.",
        f"`robust=True` costs {clean} points on clean rows, and with 10 % of OoD rows it still "
        f"loses {dirty}. Of all detectors without it, {least} loses least on the other tables.",
        Chart(
            "mean AUROC in %, tables",
            {
                names[name]: {
                    share.removesuffix(" %"): parts[-1].numbers(share)[name] for share in shown
                }
                for name in names
            },
            kind="lines",
            below="OoD rows among the training rows, %",
        ),
    )


def selection(tables: Tables) -> Answer:
    """The choice of a search without OoD rows."""
    tasks = table(tables, "Tasks", "chosen")
    kinds = ("chosen", "default", "random", "oracle")
    areas = {kind: tasks.numbers(kind) for kind in kinds}
    gap = tasks.numbers("chosen − default")
    behind = [name for name, value in gap.items() if value < 0]
    means = {kind: sum(values.values()) / len(values) for kind, values in areas.items()}
    closed = tasks.numbers("gap closed")
    return Answer(
        f"Yes: on average over {len(gap)} tasks, a search without OoD rows closes "
        f"{sum(closed.values()) / len(closed):.0f} % of the gap between a random candidate and the "
        "best one.",
        f"On {len(behind)} of them ({', '.join(behind)}) the choice is below the preset, by "
        f"{-min(gap.values()):.2f} points at most. Its mean AUROC is {means['chosen']:.1f} %, and "
        f"that of the preset {means['default']:.1f} %.",
        Chart("AUROC in %", areas),
    )


def embedding_preset(tables: Tables) -> Answer:
    """The choice of the preset for embeddings."""
    families = table(tables, "", "method")
    heads = families.head[1:]
    preset = families.rows[0][0]
    gains = [number(families.cell(preset, head).split(": ")[1]) for head in heads]
    chart = {
        head: {row[0]: number(row[i]) for row in families.rows}
        for i, head in enumerate(heads, start=1)
    }
    return Answer(
        "Divide rows by the 0.75th power of their length and whiten them in part: beside the "
        f"square root of the length this gains {gains[0]:.2f} points of AUROC on other classes, "
        f"{gains[1]:.2f} on defects and {gains[3]:.2f} on texts.",
        f"On embeddings of three small nets of our own it loses {-gains[2]:.2f} points, and the "
        "whole length (power 1) is better for large networks and texts.",
        Chart("mean AUROC in %", chart),
    )


def mixed_tables(tables: Tables) -> Answer:
    """Categories and gaps in tables."""
    ten, twenty = (table(tables, f"Columns of at most {n} values") for n in ("ten", "twenty"))
    preset = "`TableScaler()`, the preset's"
    column = next(name for name in ten.head if name.startswith("kept apart"))
    other = next(name for name in twenty.head if name.startswith("kept apart"))
    kept = [one.numbers(name) for one, name in ((ten, column), (twenty, other))]
    places = (ten.head.index(column) + 1, twenty.head.index(other) + 1)
    lead = [
        number(next(row for row in one.rows if row[0] == preset)[place])
        for one, place in zip((ten, twenty), places, strict=True)
    ]
    numbers = [values["all columns as numbers"] for values in kept]
    return Answer(
        "It matters little: on sets kept apart, the preset's `TableScaler()` gains "
        f"{lead[0]:.2f} points of AUROC over one-hot columns where columns have at most ten "
        f"values, and {lead[1]:.2f} where they have at most twenty.",
        f"Categories taken as plain numbers have {numbers[0]:.2f} and {numbers[1]:.2f} %, the "
        f"preset {kept[0][preset]:.2f} and {kept[1][preset]:.2f} %.",
        Chart(
            "mean AUROC in %, sets kept apart",
            {"at most ten values": kept[0], "at most twenty values": kept[1]},
        ),
    )


QUESTIONS = {
    "suite": Question("Which detector should I take for a table?", suite),
    "accuracy_adbench": Question(
        "How do the detectors compare with PyOD and scikit-learn on ADBench?", adbench
    ),
    "embeddings": Question("Which score should I take for embeddings?", embeddings),
    "contamination": Question(
        "What does a detector lose if its training rows are not clean?", contamination
    ),
    "selection": Question("Can a search choose a detector without OoD rows?", selection),
    "embedding_preset": Question(
        "How should embeddings be divided and whitened?", embedding_preset
    ),
    "mixed_tables": Question("Which distance do categories and gaps deserve?", mixed_tables),
}
