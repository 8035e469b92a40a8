"""The page of `suite.py`: the tables, and each requirement beside its figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from _common.report import judged, markdown_table
from skood.comparison import SuiteComparison

from .rows import AUTO, FAST, TABULAR

PACKAGES = ("skood", "numpy", "scipy", "scikit-learn", "pyod")
Found = Mapping[str, SuiteComparison]
_LEAST = {"OddBench": {TABULAR: 2.2, AUTO: 3.0}, "OvRBench": {TABULAR: 1.0, AUTO: 1.5}}
_PROTOCOL = """\
{sets}. Every detector is fitted to the training rows of a set, at its defaults, and scores the test
rows: AUROC in %, mean over sets. All but skood's presets get standardised columns. *Lead* is that
of `"tabular"` over the row, set by set, with the 95 % interval over resampled groups of sets of one
origin; *behind* counts the sets where `"tabular"` is behind it. *Rank* is the mean rank. Seconds
are those of one set, on a machine with other work; the presets fit a threshold out of fold too. A
detector that fails on a set has 50 % there. EllipticEnvelope, MCD and INNE take a second a set: see
the page on ADBench."""


def page(found: Found) -> str:
    """The text below the head."""
    parts = [_leads(found), _protocol(found)]
    for name, comparison in found.items():
        parts += [f"## {name}", markdown_table(*_table(comparison))]
        if name in _LEAST:
            gap = comparison.critical_difference()
            parts.append(
                f"![Mean ranks on {name}](suite-{name.lower()}.png)\n\nMean ranks that differ by "
                f"less than {gap:.2f} may do so by chance (Nemenyi, 5 %)."
            )
        if comparison.failures:
            parts.append(_failures(comparison))
    parts += ["## Requirements", "\n".join(f"- {line}" for line in _requirements(found)), _CHOICE]
    return "\n\n".join(parts)


def _leads(found: Found) -> str:
    leads = {name: one.lead(TABULAR, FAST) for name, one in found.items()}
    said = ", ".join(
        f"{100 * lead.mean:+.2f} points on {name} (95 %: {100 * lead.interval.low:+.2f} to "
        f"{100 * lead.interval.high:+.2f})"
        for name, lead in leads.items()
    )
    return (
        '`"tabular"` sees a table in several views of its columns. It leads `"tabular-fast"`, '
        f"which is LCP on standardised columns alone, by {said}."
    )


def _protocol(found: Found) -> str:
    sizes = [
        f"{len(one.sets)} sets of {name}, in {len({each.group for each in one.sets})} groups"
        for name, one in found.items()
    ]
    return _PROTOCOL.format(sets="; ".join(sizes))


def _table(comparison: SuiteComparison) -> tuple[list[str], list[list[str]]]:
    head = ["detector", "AUROC", "lead of tabular", "behind", "rank", "fit s", "score s"]
    ranks, lines = comparison.ranks().mean(axis=1), []
    for name in comparison.order():
        place = comparison.detectors.index(name)
        lead = comparison.lead(TABULAR, name)
        low, high = 100 * lead.interval.low, 100 * lead.interval.high
        apart = [f"{100 * lead.mean:+.2f} ({low:+.2f} to {high:+.2f})", str(lead.n_behind)]
        times = (comparison.fit_seconds[place], comparison.score_seconds[place])
        lines.append(
            [
                name,
                f"{100 * comparison.auroc[place].mean():.2f}",
                *(["", ""] if name == TABULAR else apart),
                f"{ranks[place]:.2f}",
                *(f"{np.nanmean(one):.3f}" for one in times),
            ]
        )
    return head, lines


def _failures(comparison: SuiteComparison) -> str:
    counts: dict[str, int] = {}
    for name, _ in comparison.failures:
        counts[name] = counts.get(name, 0) + 1
    return "Failed: " + ", ".join(f"{name} on {n} sets" for name, n in counts.items()) + "."


def _requirements(found: Found) -> list[str]:
    lines = []
    for suite, least in _LEAST.items():
        for kind, bar in least.items():
            lead = 100 * found[suite].lead(kind, FAST).mean
            lines.append(
                f'`"{kind}"` over `"{FAST}"` on {suite}: {lead:+.2f}, at least +{bar} '
                f"{judged(lead >= bar)}"
            )
    for kind in (TABULAR, AUTO):
        lead = 100 * found["ADBench"].lead(kind, FAST).mean
        lines.append(
            f'`"{kind}"` over `"{FAST}"` on ADBench: {lead:+.2f}, at least -0.2 '
            f"{judged(lead >= -0.2)}"
        )
        for suite, one in found.items():
            shares = one.auroc[one.detectors.index(kind)] - one.auroc[one.detectors.index(FAST)]
            share = 100 * float(np.mean(shares < -0.03))
            lines.append(
                f'`"{kind}"` more than 3 points below `"{FAST}"`: {share:.1f} % of the sets of '
                f"{suite}, at most 5 {judged(share <= 5)}"
            )
    for suite in _LEAST:
        one = found[suite]
        peers = [n for n in one.order() if n.startswith(("sklearn", "PyOD"))]
        lead = one.lead(TABULAR, peers[0])
        lines.append(
            f'`"{TABULAR}"` over the best row of scikit-learn and PyOD on {suite} ({peers[0]}): '
            f"{100 * lead.mean:+.2f} {judged(lead.mean > 0)}"
        )
        both = one.fit_seconds + one.score_seconds
        place, fast = one.detectors.index(TABULAR), one.detectors.index(FAST)
        ratio = float(np.nanmedian(both[place] / both[fast]))
        lines.append(
            f'Time of `"{TABULAR}"`, fitting and scoring, on {suite}: {ratio:.1f} times that of '
            f'`"{FAST}"` in the median, at most 3 {judged(ratio <= 3)}'
        )
    return lines


_CHOICE = """\
## How the presets were chosen

The candidates were scored on all sets of this page: about 150 sums, maxima and soft maxima of up
to ten of 22 members (LCP, kNN, MD, isolation forest and a product of tails, on standardised
columns, three kinds of ranks, ranks of heavy-tailed columns alone, asinh, and whitened ones), then
some 1,000 rules that take one of two sums by the tails of the columns. So the figures of the two
presets are a little too good: `suite.py --choose` shows both halves of the origins apart.

- Nothing that the training rows tell predicts which view wins: random forests on 31 statistics
  (correlations, tails, ties, effective rank, agreement of the members' scores, how clustered the
  rows are) explain at most 2 % of the variance of the gain on other origins. So `"auto"` has one
  rule alone: whether the columns have heavy tails in the mean.
- Ranks of all columns, a whitened view with full weight, or MD with full weight gain up to half a
  point more here, and lose one to four points on ADBench, up to 15 on 19_landsat, whose columns
  have light tails and strong correlations.
- Isolation forests, ECOD's product of tails, kNN beside LCP, and sums in place of soft maxima lower
  the mean."""
