"""A comparison in words and tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ..markdown import markdown_table
from .comparison import Comparison
from .intervals import Interval
from .reading import how_to_read
from .verdict import verdict

LABELS = {"auroc": "AUROC", "aupr_in": "AUPR-in", "aupr_out": "AUPR-out", "fpr95": "FPR95"}
NONE = "-"


def comparison_markdown(comparison: Comparison, source: str, facts: Sequence[str] = ()) -> str:
    """Write a comparison as Markdown that is readable in a terminal.

    Parameters
    ----------
    comparison : Comparison
        The result of `compare_detectors`.
    source : str
        Name of the rows, for the heading.
    facts : sequence of str, default=()
        Sentences on the rows and the detectors, for the first list.

    Returns
    -------
    str
        The text.
    """
    parts = [
        f"# Detectors compared on {source}",
        "\n".join(f"- {fact}" for fact in (*facts, describe_protocol(comparison))),
        f"{metric_caption(comparison)}:\n\n{markdown_table(*metric_lines(comparison))}",
        verdict(comparison),
        markdown_table(*cost_lines(comparison)),
        f"AUROC fold by fold, in percent:\n\n{markdown_table(*fold_lines(comparison))}",
        how_to_read(comparison),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def describe_protocol(comparison: Comparison) -> str:
    """One or two sentences on the protocol: the rows that serve as OoD rows, and the folds."""
    folds, kind = comparison.folds, comparison.protocol.kind
    n = len(folds)
    splitter = comparison.protocol.splitter
    if kind == "labelled":
        return (
            f"Protocol: rows labelled +1 and -1, {n} folds. Each fold trains on the +1 rows of the "
            f"other folds, and tests on its own and on all {int((~folds[0].is_in).sum())} -1 rows."
        )
    what = "class" if kind == "classes" else "cluster"
    again = len({fold.name for fold in folds}) < n
    return (
        f"Protocol: a {what} is left out, {n} "
        f"fold{'s' if n > 1 else ''}{'; some are left out more than once' if again else ''}. Each "
        f"fold trains on {100 * (1 - splitter.test_size):g} % of the rows of the other "
        f"{'classes' if kind == 'classes' else 'clusters'}, and tests on the rest of them (ID) and "
        f"on all rows of the {what} left out, which serve as OoD rows."
    )


def metric_lines(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the table of metrics."""
    lines = [
        [name, *(_with_interval(*comparison.estimate(name, metric)[:2]) for metric in LABELS)]
        for name in comparison.order()
    ]
    return ["detector", *LABELS.values()], lines


def metric_caption(comparison: Comparison) -> str:
    """The caption of the table of metrics."""
    level, n = f"{100 * comparison.confidence_level:g} %", len(comparison.folds)
    caption = f"Mean over {n} folds with its {level} interval over folds" if n > 1 else "One fold"
    return f"{caption}, in percent"


def cost_lines(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the table of leads and seconds."""
    wins, ranks = comparison.wins(), comparison.ranks().mean(axis=1)
    lines = []
    best = comparison.order()[0]
    for name in comparison.order():
        place = comparison.detectors.index(name)
        lead = comparison.lead(name)
        over_rows = [comparison.estimate(name, metric).over_rows for metric in ("auroc", "fpr95")]
        lines.append(
            [
                name,
                *(NONE if ends is None else in_percent(ends, 0, 1) for ends in over_rows),
                NONE if name == best else _with_interval(*lead[:2], low=-1),
                NONE if name == best or lead[2] is None else in_percent(lead[2], -1, 1),
                f"{wins[place]:.3g}",
                f"{ranks[place]:.1f}",
                f"{comparison.fit_seconds[place].mean():.2f}",
                f"{comparison.score_seconds[place].mean():.2f}",
            ]
        )
    head = ("detector", "AUROC rows", "FPR95 rows", "best leads by", "lead rows", "wins", "rank")
    return [*head, "fit s", "score s"], lines


def fold_lines(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the table of folds."""
    order = comparison.order()
    places = [comparison.detectors.index(name) for name in order]
    values = 100 * comparison.values["auroc"][places].T
    lines = [
        [fold.name, str(int(fold.is_in.sum())), str(int((~fold.is_in).sum()))]
        + [f"{value:.1f}" for value in of_fold]
        for fold, of_fold in zip(comparison.folds, values, strict=True)
    ]
    first = "test fold" if comparison.protocol.kind == "labelled" else "left out"
    return [first, "ID", "OoD", *order], lines


def _with_interval(mean: float, interval: Interval | None, low: float = 0) -> str:
    text = f"{100 * mean:.1f}"
    return text if interval is None else f"{text} ({in_percent(interval, low, 1)})"


def in_percent(interval: Interval, low: float, high: float) -> str:
    """The ends of an interval in percent, cut off at `low` and `high`."""
    ends = (100 * min(max(end, low), high) for end in interval)
    return " to ".join(f"{end:.1f}" for end in ends)
