"""The report of a run on ADBench: summary, requirements, losses, problems, all sets."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import rankdata

from _adbench.evaluation import Outcome
from _adbench.methods import PRESET
from _common.report import judged, markdown_table

Results = dict[str, dict[str, Outcome]]  # by set, then by method

TIE = 0.05  # points of AUROC
TITLES = {"tabular": "Tabular sets", "embedding": "Embedding sets"}
LEAD = {"tabular": {"kNN10": 0.4}, "embedding": {"MD": 2.0, "kNN10": 4.0}}
# The least mean AUROC of LCP on standardised rows, which is the tabular-fast preset.
LEAST = {"40_vowels": 98.5, "6_cardio": 94.5, "26_optdigits": 94.5, "28_pendigits": 99.5}


def group_report(kind: str, results: Results) -> str:
    """All tables of a kind of data, without those of single sets."""
    parts = [
        f"## {TITLES[kind]} ({len(results)})",
        _summary(kind, results),
        "Sets where a method is above the preset, with the points by which it is:",
        _losses(kind, results),
        *_problems(results),
    ]
    return "\n\n".join(parts)


def set_tables(kind: str, results: Results) -> str:
    """Mean AUROC of every method on every set."""
    names = _method_names(results)
    peers = [name for name in names if _is_peer(name)]
    ours = [name for name in names if name not in peers]
    parts = [f"## {TITLES[kind]}, one by one", _set_table(results, ours, spread=True)]
    if peers:
        parts.append(_set_table(results, peers, spread=False))
    return "\n\n".join(parts)


def requirements(all_results: dict[str, Results]) -> str:
    """Each requirement beside its measurement."""
    lines: list[str] = []
    for kind, results in all_results.items():
        lines += _lead_lines(kind, results)
    tabular = all_results.get("tabular", {})
    for name, least in LEAST.items():
        if name in tabular:
            value = tabular[name][PRESET["tabular"]].mean
            lines.append(f"{PRESET['tabular']} on {name}: {value:.2f}, at least {least}")
            lines[-1] += f" {judged(value >= least)}"
    return "\n".join(f"- {line}" for line in lines)


def _lead_lines(kind: str, results: Results) -> list[str]:
    preset, lines = PRESET[kind], []
    for other, lead in LEAD[kind].items():
        ours, theirs = _common(results, preset, other)
        difference = np.mean(ours) - np.mean(theirs)
        lines.append(
            f"{preset}, mean over {len(ours)} sets: {np.mean(ours):.2f}, {other} "
            f"{np.mean(theirs):.2f}: {difference:+.2f}, at least +{lead} "
            f"{judged(difference >= lead)}"
        )
    peers = [name for name in _method_names(results) if name.startswith("PyOD")]
    if kind == "tabular" and peers:
        lines.append(_above_every(preset, peers, results))
    return lines


def _above_every(preset: str, peers: list[str], results: Results) -> str:
    leads = {}
    for peer in peers:
        ours, theirs = _common(results, preset, peer)
        leads[peer] = np.mean(ours) - np.mean(theirs) if len(ours) else np.inf
    closest = min(leads, key=leads.__getitem__)
    return (
        f"{preset} above every PyOD peer, each on the sets where it ran; the closest is {closest}: "
        f"{leads[closest]:+.2f} {judged(leads[closest] > 0)}"
    )


def _summary(kind: str, results: Results) -> str:
    head = ["method", "AUROC", "standard error", "mean rank", "preset minus it"]
    head += ["preset wins / ties / losses", "AUPR-out", "FPR95", "seconds", "sets"]
    names = _method_names(results)
    means = np.array([[outcomes[name].mean for name in names] for outcomes in results.values()])
    # A failed method is the last on its set.
    ranks = rankdata(np.where(np.isnan(means), np.inf, -means), axis=1).mean(axis=0)
    rows = []
    for name, rank in zip(names, ranks, strict=True):
        ran = [outcomes[name] for outcomes in results.values() if not outcomes[name].failure]
        values = [outcome.mean for outcome in ran]
        seconds = sum(outcomes[name].seconds for outcomes in results.values())
        row = [name, _mean(values), _error(values), f"{rank:.2f}"]
        row += _against(PRESET[kind], name, results)
        row += [_mean([np.mean(outcome.aupr) for outcome in ran])]
        row += [_mean([np.mean(outcome.fpr95) for outcome in ran])]
        rows.append([*row, f"{seconds:.0f}", f"{len(ran)}"])
    return markdown_table(head, rows)


def _against(preset: str, other: str, results: Results) -> list[str]:
    """Difference with its standard error, and the count, on the sets where both ran."""
    if other == preset:
        return ["", ""]
    ours, theirs = _common(results, preset, other)
    difference = ours - theirs
    wins, losses = (difference >= TIE).sum(), (difference <= -TIE).sum()
    ties = len(difference) - wins - losses
    if not len(difference):
        return ["–", "–"]
    text = f"{difference.mean():+.2f} ± {_error(difference)}"
    return [text, f"{wins} / {ties} / {losses}"]


def _losses(kind: str, results: Results) -> str:
    preset, lines = PRESET[kind], []
    for name in _method_names(results):
        lost = {
            set_name: outcomes[name].mean - outcomes[preset].mean
            for set_name, outcomes in results.items()
            if outcomes[name].mean - outcomes[preset].mean >= TIE
        }
        ordered = sorted(lost.items(), key=lambda item: -item[1])
        text = ", ".join(f"{set_name} {points:.1f}" for set_name, points in ordered)
        if name != preset:
            lines.append(f"- {name}: {text or 'none'}")
    return "\n".join(lines)


def _problems(results: Results) -> list[str]:
    """Failures and warnings, with their sets."""
    problems: dict[tuple[str, str, str], list[str]] = {}
    for set_name, outcomes in results.items():
        for name, outcome in outcomes.items():
            for verb, text in (("failed", outcome.failure), ("warned", outcome.warning)):
                if text:
                    problems.setdefault((name, verb, text), []).append(set_name)
    if not problems:
        return ["No method failed or warned on any set."]
    lines = [
        f"- {name} {verb} on {len(sets)} of {len(results)} sets: “{text}” ({', '.join(sets)})"
        for (name, verb, text), sets in problems.items()
    ]
    return ["Failures and warnings (of each method and set, the first):", "\n".join(lines)]


def _set_table(results: Results, names: list[str], *, spread: bool) -> str:
    rows = [
        [set_name, *(_cell(outcomes[name], spread) for name in names)]
        for set_name, outcomes in results.items()
    ]
    return markdown_table(["set", *names], rows)


def _cell(outcome: Outcome, spread: bool) -> str:
    if outcome.failure:
        return "failed"
    if not spread or len(outcome.auroc) == 1:
        return f"{outcome.mean:.2f}"
    return f"{outcome.mean:.2f} ± {np.std(outcome.auroc, ddof=1):.2f}"


def _common(results: Results, name: str, other: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean AUROC of two methods on the sets where both ran."""
    pairs = [(outcomes[name].mean, outcomes[other].mean) for outcomes in results.values()]
    both = np.array([pair for pair in pairs if not np.isnan(pair).any()]).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _method_names(results: Results) -> list[str]:
    return list(next(iter(results.values())))


def _is_peer(name: str) -> bool:
    return name.startswith(("PyOD", "sklearn"))


def _mean(values: Iterable[float]) -> str:
    values = list(values)
    return f"{np.mean(values):.2f}" if values else "–"


def _error(values: Iterable[float]) -> str:
    """Standard error of the mean over sets."""
    values = list(values)
    return f"{np.std(values, ddof=1) / np.sqrt(len(values)):.2f}" if len(values) > 1 else "–"
