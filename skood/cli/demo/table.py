"""The table of the demo: one block per OoD set, one line per detector, at most 100 columns."""

from collections.abc import Mapping, Sequence

from .evaluate import Outcome

PERCENT_COLUMNS = ("AUROC", "AUPR-in", "AUPR-out", "FPR95", "flagged ID", "flagged OoD")
SECONDS_COLUMNS = ("fit s", "score s")
GAP = "   "
FOOTNOTE = """\
In percent, except seconds. AUROC and both AUPR: higher is better. FPR95: OoD rows that pass if 95 %
of the ID rows pass, lower is better. flagged: rows below the threshold, which the training rows set
so that about 5 % of ID rows are flagged. score s: all sets in one call."""


def format_table(outcomes: Sequence[Outcome], blocks: Mapping[str, str]) -> str:
    """The table as text, a heading of `blocks` for each OoD set, and a footnote."""
    columns = PERCENT_COLUMNS + SECONDS_COLUMNS
    widths = [max(len(name), 5) for name in columns]
    label_width = max(len("detector"), *(len(outcome.detector) + 2 for outcome in outcomes))
    header = _line("detector", columns, label_width, widths)
    lines = [header, "-" * len(header)]
    for ood, heading in blocks.items():
        lines.append(heading)
        lines += [
            _line("  " + outcome.detector, _cells(outcome, ood), label_width, widths)
            for outcome in outcomes
        ]
    return "\n".join([*lines, "-" * len(header), FOOTNOTE])


def _cells(outcome: Outcome, ood: str) -> list[str]:
    measures = outcome.measures(ood)
    percents = [f"{100 * measures[name]:.1f}" for name in PERCENT_COLUMNS]
    return [*percents, f"{outcome.fit_seconds:.2f}", f"{outcome.score_seconds:.2f}"]


def _line(label: str, cells: Sequence[str], label_width: int, widths: Sequence[int]) -> str:
    right = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return GAP.join([label.ljust(label_width), *right])
