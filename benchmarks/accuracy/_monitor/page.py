"""The page of `monitor.py`: the answer, the tables, and each requirement beside its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import binomtest

from _common.report import judged, markdown_table

from .delays import FALSE_ALARMS, Delays, delays, first_alarm, threshold
from .measured import ALPHAS, HIGHEST, Cache, Run, runs_of, skood
from .peers import PEERS
from .promises import QUIET_ROWS, Cost, Size
from .sets import CHOICE, N_FIT, N_STREAM, REPORTED, UNSEEN, MonitorSet, draw
from .streams import (
    ABRUPT,
    BATCH,
    CHANGE,
    CHANGES,
    NONE,
    ONE_COLUMN,
    STUCK_COLUMN,
    STUCK_FEED,
    TYPICAL,
    make_stream,
)

EARLY = (STUCK_FEED, STUCK_COLUMN, TYPICAL)
TUNED = "skood, tuned"
PACKAGES = ("skood", "numpy", "scipy", "scikit-learn", "river", "nonconform", "alibi-detect")
OURS = skood(0.05)
_PROTOCOL = """\
{n_sets} sets: ten tables, two of embeddings (ResNet18), and pixels of MNIST and Fashion-MNIST as 32
principal components. In each run {fit:,} in-distribution rows are drawn to fit, half of them for
the detector (the preset `"tabular-fast"`, or `"embedding"`) and half to calibrate, and {stream:,}
others for the stream, none twice. They come in batches of {batch}, and the change is at row
{change}. {runs} runs of each set and kind. All methods see the same rows and the same scores.

A peer has the lowest limit at which at most {rate:.0%} of the streams without a change alarm at any
time, chosen on {n_choice} other sets ({quiet} streams). So has "skood, tuned" (alpha={tuned}); the
other rows of the monitor keep alpha by its guarantee, and have fewer false alarms. The delay is the
number of rows from the change to the alarm, in the median; without an alarm, or with one before the
change, it is infinite (∞). In brackets: streams with an alarm after the change. Tests of batches
speak at the end of a batch; the others after any row. The streams of a run are alike up to the
change. Below, a peer with an equal median is neither ahead nor behind, also if both are infinite:
few rows of a new class that the detector hardly tells are found in time by no method here."""

_SEEN = """\
The bets of the monitor were chosen on simulated streams and on the sets that choose the limits.
Some of them, for a column that is stuck at its usual value, were added after a first run on the
sets of this page had missed such columns: so its figures for stuck columns may be a little too good
here. The requirement is judged on other sets as well."""

_KINDS = """\
- **abrupt**: all rows are of other classes; **gradual**: their share rises from 0 to all at the
  end; **recurring**: 20 % of them in every other batch.
- **one column**: one column, drawn at random, rises by one standard deviation; **stuck column**: it
  stays at its median; **stuck feed**: the last row before the change comes again and again.
- **too typical**: 30 % of the rows give way to rows whose score is in the upper quarter."""

_PEERS = """\
The peers: a threshold for each row at 5 % with a **binomial test** of each batch; river's
**ADWIN**, **KSWIN** and **Page-Hinkley** on p-values, those of the calibration rows first;
alibi-detect's **KS by column** (Bonferroni) and its **classifier** (whether a random forest of 25
trees tells the batch from 500 rows of the fit); **nonconform**'s simple jumper on ranks among
calibration and earlier rows, with restarts and as CUSUM. alibi-detect asks for numpy 1, so it was
installed with `--no-deps`; its MMD needs torch, and is not here."""


def limit_of(method: str, n_quiet: int, cache: Cache) -> float:
    """The limit of a statistic with few false alarms on the sets that choose."""
    known = cache.of(method)
    return threshold([known[run] for run in runs_of(CHOICE, range(n_quiet), NONE)])


def tuned_alpha(n_quiet: int, cache: Cache) -> float:
    """The alpha whose limit has as many false alarms as those of the peers."""
    return float(f"{1 / limit_of(HIGHEST, n_quiet, cache):.3g}")


class Found:
    """Every method on the reported sets; `tuned` is the alpha of the tuned monitor."""

    def __init__(
        self, sets: Mapping[str, MonitorSet], cache: Cache, n_runs: int, n_quiet: int
    ) -> None:
        self.sets, self.cache, self.n_runs, self.n_quiet = sets, cache, n_runs, n_quiet
        self.limits = {name: limit_of(name, n_quiet, cache) for name in PEERS}
        self.tuned = skood(tuned_alpha(n_quiet, cache))

    @property
    def methods(self) -> dict[str, str]:
        """What the page calls each method: the monitor first."""
        ours = {skood(alpha): f"skood, alpha={alpha:g}" for alpha in ALPHAS}
        return {self.tuned: TUNED, **ours, **{name: name for name in PEERS}}

    def alarms(self, method: str, kind: str) -> list[int | None]:
        """The row of the alarm in each stream."""
        known = self.cache.of(method)
        values = [known[run] for run in runs_of(REPORTED, range(self.n_runs), kind)]
        if method in PEERS:
            return [first_alarm(value, self.limits[method]) for value in values]
        return [value.get("row") for value in values]

    def delays(self, method: str, kind: str) -> Delays:
        """How the method does on a kind of change."""
        return delays(self.alarms(method, kind))

    def quiet_share(self, method: str) -> float:
        """Share of the streams without a change that alarm."""
        return float(np.mean([row is not None for row in self.alarms(method, NONE)]))

    def against(self, peer: str, method: str) -> tuple[list[str], list[str]]:
        """The kinds in which the method is ahead of the peer, and those in which it is behind."""
        ahead, behind = [], []
        for kind in CHANGES:
            ours, theirs = self.delays(method, kind).median, self.delays(peer, kind).median
            if ours < theirs:
                ahead.append(kind)
            elif ours > theirs:
                behind.append(kind)
        return ahead, behind

    def ours(self, method: str, kind: str) -> list[dict]:
        """What the monitor said of the streams of the kind."""
        known = self.cache.of(method)
        return [known[run] for run in runs_of(REPORTED, range(self.n_runs), kind)]


def page(found: Found, quiet: Sequence[float], costs: Sequence[Cost], sizes: Sequence[Size]) -> str:
    """The text below the head."""
    protocol = _PROTOCOL.format(
        n_sets=len(REPORTED),
        n_choice=len(CHOICE),
        fit=N_FIT,
        stream=N_STREAM,
        batch=BATCH,
        change=CHANGE,
        runs=found.n_runs,
        rate=FALSE_ALARMS,
        quiet=len(CHOICE) * found.n_quiet,
        tuned=found.tuned.split()[-1],
    )
    parts = [
        protocol,
        _KINDS,
        "## Delay in rows",
        markdown_table(*_table(found)),
        _PEERS,
        _SEEN,
        "## Where the monitor loses",
        _losses(found),
        "## Requirements",
        "\n".join(f"- {line}" for line in requirements(found, quiet, costs, sizes)),
    ]
    return "\n\n".join(parts)


def _table(found: Found) -> tuple[list[str], list[list[str]]]:
    head = ["change", *found.methods.values()]
    lines = [[kind, *(_cell(found.delays(one, kind)) for one in found.methods)] for kind in CHANGES]
    quiet = [f"({100 * found.quiet_share(one):.0f} %)" for one in found.methods]
    return head, [*lines, [NONE, *quiet]]


def _cell(one: Delays) -> str:
    median = "∞" if np.isinf(one.median) else f"{one.median:.0f}"
    return f"{median} ({100 * one.share:.0f} %)"


def _losses(found: Found) -> str:
    lines = []
    for kind in CHANGES:
        ours = found.delays(found.tuned, kind)
        better = {}
        for peer in PEERS:
            theirs = found.delays(peer, kind)
            is_seen_more = theirs.median == ours.median and theirs.share > ours.share
            if theirs.median < ours.median or is_seen_more:
                better[peer] = _cell(theirs)
        if better:
            said = ", ".join(f"{peer} {cell}" for peer, cell in better.items())
            lines.append(f"- {kind}, {_cell(ours)}: {said}")
    return "\n".join(
        ["Delay and share of the tuned monitor, and of the peers that do better:", "", *lines]
    )


def _early_line(found: Found, method: str, kind: str) -> str:
    known = found.cache.of(method)
    reported, unseen = (
        {run: _in_time(known[run].get("row")) for run in runs_of(names, range(found.n_runs), kind)}
        for names in (REPORTED, UNSEEN)
    )
    shares = [float(np.mean(list(one.values()))) for one in (reported, unseen)]
    late = [run for one in (reported, unseen) for run, in_time in one.items() if not in_time]
    return (
        f"{kind.capitalize()}: alarm within 3 batches of {BATCH} at alpha=0.01 in "
        f"{shares[0]:.1%} of {len(reported)} streams, and in {shares[1]:.1%} of {len(unseen)} "
        f"streams of {len(UNSEEN)} sets that no version before was measured on; at least 95 % "
        f"{judged(min(shares) >= 0.95)}"
        + (_usual(found, late) if kind == STUCK_COLUMN and late else "")
    )


def _usual(found: Found, late: Sequence[Run]) -> str:
    """How usual the value is at which the columns of these runs are stuck."""
    shares = []
    for run in late:
        drawn = draw(found.sets[run.name], run.seed)
        rows, _, column = make_stream(STUCK_COLUMN, drawn, len, run.seed)
        shares.append(float(np.mean(drawn.fit[:, column] == rows[-1, column])))
    span = " to ".join(sorted({f"{share:.0%}" for share in (min(shares), max(shares))}))
    return f"; in the others, {span} of the rows of the fit have the value of the stuck column"


def _in_time(row: int | None) -> bool:
    return row is not None and 0 <= row - CHANGE < 3 * BATCH


def requirements(
    found: Found, quiet: Sequence[float], costs: Sequence[Cost], sizes: Sequence[Size]
) -> list[str]:
    """Each requirement with its figure."""
    lines = [_quiet_line(quiet, alpha) for alpha in ALPHAS]
    few = len(CHANGES) / 4
    for peer in PEERS:
        ahead, behind = found.against(peer, found.tuned)
        promised = [len(kinds) for kinds in found.against(peer, OURS)]
        lines.append(
            f"Median delay against {peer}: ahead on {len(ahead)} of {len(CHANGES)} kinds, behind "
            f"on {len(behind)}; at least half and at most a quarter "
            f"{judged(len(behind) <= few and 2 * len(ahead) >= len(CHANGES))}; at alpha=0.05 "
            f"ahead on {promised[0]}, behind on {promised[1]}"
        )
    default = skood(ALPHAS[0])
    lines += [_since_line(found, default), _named_line(found, default)]
    lines += [_early_line(found, default, kind) for kind in EARLY]
    for one in costs:
        ratio = one.update / one.score
        lines.append(
            f"An update of one row over scoring it, {one.name} ({one.n_columns} columns): "
            f"{1e3 * one.update:.2f} ms over {1e3 * one.score:.2f} ms, {ratio:.2f}; at most 1.2 "
            f"{judged(ratio <= 1.2)}"
        )
    first, last = sizes[0], sizes[-1]
    said = ", ".join(f"{one.n_rows:,} rows {one.resident:.0f} and {one.file:.2f}" for one in sizes)
    lines.append(
        f"MB of the process and of the saved file: {said}; the process grows by less than 5 "
        f"{judged(last.resident - first.resident < 5)}, the file with the logarithm of the rows; "
        "the last thousand rows came one by one"
    )
    return lines


def _quiet_line(quiet: Sequence[float], alpha: float) -> str:
    n = sum(value >= 1 / alpha for value in quiet)
    low, high = binomtest(n, len(quiet)).proportion_ci(method="exact")
    return (
        f"Streams of {QUIET_ROWS:,} exchangeable rows that ever alarm at {alpha:g}: {n} of "
        f"{len(quiet):,}, {n / len(quiet):.2%} (95 %: {low:.2%} to {high:.2%}); at most "
        f"{alpha:.0%} {judged(low <= alpha)}"
    )


def _since_line(found: Found, method: str) -> str:
    values = [one for one in found.ours(method, ABRUPT) if one.get("row", 0) >= CHANGE]
    near = [abs(one["since"][0] - CHANGE) <= 0.1 * N_STREAM for one in values]
    inside = [one["since"][1] <= CHANGE <= one["since"][2] for one in values]
    n = found.n_runs * len(REPORTED)
    share, within = sum(near) / n, float(np.mean(inside))
    return (
        f"`since_` within {N_STREAM // 10} rows of an abrupt change: {share:.1%} of {n} streams, "
        f"at least 80 % {judged(share >= 0.8)}; its range holds the change in {within:.1%} "
        f"of the {len(values)} with an alarm"
    )


def _named_line(found: Found, method: str) -> str:
    values = found.ours(method, ONE_COLUMN)
    is_first = [one.get("place") == 0 and one["row"] >= CHANGE for one in values]
    alarmed = [one.get("row", 0) >= CHANGE for one in values]
    share = float(np.mean(is_first))
    return (
        f"The shifted column is named first: {share:.1%} of {len(values)} streams, at least 90 % "
        f"{judged(share >= 0.9)}; {np.sum(is_first) / max(np.sum(alarmed), 1):.1%} of the "
        f"{np.sum(alarmed)} with an alarm"
    )
