"""Tables of the flagged shares, and their comparison with alpha."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import binom, norm

from _common.report import markdown_table

ALPHAS = (0.01, 0.05, 0.1)
CONFIDENCE = 0.99

# A value of each repetition, by kind, task, whether calibrated by class, ...
Shares = dict[tuple, list[float]]


def within(repetitions: Iterable[float], alpha: float, n_compared: int = 1) -> bool:
    """Whether the mean exceeds alpha by no more than its 99 % interval allows."""
    shares = np.asarray(list(repetitions), dtype=float)
    error = shares.std(ddof=1) / np.sqrt(len(shares))
    quantile = norm.ppf(1 - (1 - CONFIDENCE) / 2 / n_compared)
    return bool(shares.mean() <= alpha + quantile * error)


def most_of_one_row(n: int, alpha: float) -> int:
    """How many of n independent rows may be flagged."""
    return int(binom.ppf(1 - (1 - CONFIDENCE) / 2, n, alpha))


def percent(values: Iterable[float], digits: int = 2) -> str:
    return f"{100 * np.mean(list(values)):.{digits}f}"


def with_error(values: list[float]) -> str:
    return f"{percent(values)} ± {100 * np.std(values, ddof=1) / np.sqrt(len(values)):.2f}"


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def names_in(shares: Shares, kind: str, by_class: bool) -> list[str]:
    return list(dict.fromkeys(k[1] for k in shares if k[0] == kind and k[2] == by_class))


def marginal_table(shares: Shares) -> str:
    lines = []
    for name in names_in(shares, "flagged", False):
        for alpha in ALPHAS:
            key = name, False, alpha
            flagged, single = shares["flagged", *key], shares["one", *key]
            most = most_of_one_row(len(single), alpha)
            met = within(flagged, alpha) and sum(single) <= most
            ties = shares.get(("random ties", *key))
            lines.append(
                [
                    name,
                    f"{100 * alpha:g}",
                    with_error(flagged),
                    percent(ties) if ties else "",
                    f"{sum(single)} of {len(single):,} (≤ {most})",
                    verdict(met),
                ]
            )
    head = ["ID rows", "alpha", "flagged ± s.e.", "with random ties", "one row each", "≤ alpha"]
    return markdown_table(head, lines)


def class_table(shares: Shares) -> str:
    lines = []
    for name in names_in(shares, "flagged", True):
        for alpha in ALPHAS:
            by_class, together = (
                {k[4]: v for k, v in shares.items() if k[:4] == ("class", name, is_by_class, alpha)}
                for is_by_class in (True, False)
            )
            order = sorted(by_class, key=lambda k: np.mean(by_class[k]))
            worst = max(together, key=lambda k: np.mean(together[k]))
            met = all(within(values, alpha, len(by_class)) for values in by_class.values())
            lines.append(
                [
                    name,
                    f"{100 * alpha:g}",
                    with_error(by_class[order[-1]]),
                    percent(by_class[order[0]]),
                    verdict(met),
                    percent(together[worst]),
                ]
            )
    head = ["ID rows", "alpha", "most flagged class ± s.e.", "least flagged class", "≤ alpha"]
    return markdown_table([*head, "most flagged class if calibrated together"], lines)


def fdr_table(shares: Shares) -> str:
    lines = []
    for by_class in (False, True):
        for name in names_in(shares, "fdp", by_class):
            for alpha in ALPHAS:
                key = name, by_class, alpha
                proportions = shares["fdp", *key]
                lines.append(
                    [
                        name + (", by class" if by_class else ""),
                        f"{100 * alpha:g}",
                        with_error(proportions),
                        percent(shares["power", *key], 1),
                        verdict(within(proportions, alpha)),
                    ]
                )
    head = ["rows", "alpha", "false discovery proportion ± s.e.", "OoD rows flagged", "≤ alpha"]
    return markdown_table(head, lines)


def batch_table(shares: Shares) -> str:
    lines = []
    for key in dict.fromkeys(k[1:4] for k in shares if k[0] == "alarm"):
        name, by_class, method = key
        alarms = [shares["alarm", *key, alpha] for alpha in ALPHAS]
        met = all(within(a, alpha) for a, alpha in zip(alarms, ALPHAS, strict=True))
        seen = " / ".join(percent(shares["seen", *key, alpha], 1) for alpha in ALPHAS)
        label = method + (", by class" if by_class else "")
        lines.append([name, label, " / ".join(percent(a, 1) for a in alarms), seen, verdict(met)])
    levels = " / ".join(f"{100 * alpha:g}" for alpha in ALPHAS)
    head = ["batches", "test", f"ID, p ≤ {levels}", f"with OoD rows, p ≤ {levels}", "≤ alpha"]
    return markdown_table(head, lines)
