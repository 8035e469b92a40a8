"""A comparison for the terminal: the main table, its limits, and the verdict at the end."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from ..markdown import plain_table
from .comparison import Comparison
from .reading import caveats
from .report import NONE, describe_protocol, fold_lines, in_percent
from .verdict import verdict

_HEAD = ("AUROC %", "over folds", "over rows", "FPR95 %", "wins", "fit s", "score s")


def comparison_text(comparison: Comparison, source: str, facts: Sequence[str] = ()) -> str:
    """Write a comparison in lines of the width of the terminal.

    Parameters
    ----------
    comparison : Comparison
        The result of `compare_detectors`.
    source : str
        Name of the rows, for the first line.
    facts : sequence of str, default=()
        Sentences on the rows and the detectors.

    Returns
    -------
    str
        The text. Its last sentences are the verdict.
    """
    level = f"{100 * comparison.confidence_level:g} %"
    parts = [
        f"Detectors compared on {source}",
        *map(filled, (*facts, describe_protocol(comparison))),
        f"AUROC with its {level} intervals, FPR95, folds won, and seconds:\n\n"
        + plain_table(("detector", *_HEAD), _lines(comparison)),
        "AUROC fold by fold, in percent:\n\n" + plain_table(*fold_lines(comparison)),
        "\n".join(map(filled, caveats(comparison))),
        filled(verdict(comparison)),
    ]
    return "\n\n".join(parts) + "\n"


def filled(text: str) -> str:
    """The text in lines of the width of the terminal."""
    width = shutil.get_terminal_size().columns - 1
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _lines(comparison: Comparison) -> list[list[str]]:
    wins = comparison.wins()
    lines = []
    for name in comparison.order():
        place = comparison.detectors.index(name)
        auroc, fpr = (comparison.estimate(name, metric) for metric in ("auroc", "fpr95"))
        ends = (NONE if e is None else in_percent(e, 0, 1) for e in auroc[1:])
        seconds = comparison.fit_seconds[place].mean(), comparison.score_seconds[place].mean()
        lines.append(
            [
                name,
                f"{100 * auroc.mean:.1f}",
                *ends,
                f"{100 * fpr.mean:.1f}",
                f"{wins[place]:.3g}",
                *(f"{s:.2f}" for s in seconds),
            ]
        )
    return lines
