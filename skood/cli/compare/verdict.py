"""The result of a comparison, in a few sentences."""

from __future__ import annotations

import numpy as np

from .comparison import Comparison


def verdict(comparison: Comparison) -> str:
    """Say which detector leads, by how much, and over which others its lead may be chance.

    A lead may be chance if an interval of it, over folds or over rows, contains 0.
    """
    best, *others = comparison.order()
    mean, over_folds, over_rows = comparison.estimate(best, "auroc")
    auroc = f"{100 * mean:.1f} %"
    if any(interval is not None and interval.low <= 0.5 for interval in (over_folds, over_rows)):
        auroc += ", which may be chance: a coin has 50 %"
    if not others:
        return f"Only {best} was compared. Its mean AUROC is {auroc}."
    said = f"{best} has the largest mean AUROC, {auroc}"
    leads = {name: list(filter(None, comparison.lead(name)[1:])) for name in others}
    close = [name for name, found in leads.items() if any(lead.low <= 0 for lead in found)]
    next_best = others[0]
    lead = f"It leads {next_best} by {_lead(comparison, best, next_best)}"
    if not any(leads.values()):
        return f"{said}. {lead}. One fold cannot show whether that is chance."
    if not close:
        return f"{said}. {lead}. No interval of its lead over another detector contains 0."
    if next_best in close:
        said = f"There is no clear winner: {said}"
    return (
        f"{said}. {lead}. Its lead may be chance over {', '.join(close)} (an interval of the lead "
        "contains 0)."
    )


def _lead(comparison: Comparison, best: str, other: str) -> str:
    """The lead in points and in standard errors over folds, and the number of folds with a lead."""
    values = comparison.values["auroc"]
    first, second = (values[comparison.detectors.index(name)] for name in (best, other))
    leads = first - second
    n = len(leads)
    text = f"{100 * leads.mean():.1f} points"
    if n < 2:
        return text
    error = leads.std(ddof=1) / np.sqrt(n)
    in_errors = f"{leads.mean() / error:.1f} standard errors over folds, " if error else ""
    return f"{text} ({in_errors}ahead in {np.sum(leads > 0)} of {n} folds)"
