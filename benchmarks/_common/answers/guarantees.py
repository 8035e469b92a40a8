"""Answers of the pages about decisions: thresholds, p-values and alarms."""

from __future__ import annotations

import math
import re
from statistics import median

from ..chart import Chart
from ..tables import Table, number
from .parts import Answer, Question, Tables, table

LEAST, MOST, AT = 3.0, 7.0, 5.0  # % of new rows


def thresholds(tables: Tables) -> Answer:
    """Shares of new rows that are flagged."""
    shares: dict[str, list[float]] = {}
    for one in tables:
        if one.head[0] == "rows":
            for i, name in enumerate(one.head[1:], start=1):
                cells = [row[i] for row in one.rows if row[i] not in {"–", ""}]
                shares.setdefault(name, []).extend(map(number, cells))
    plain = {name: values for name, values in shares.items() if name.startswith("plain")}
    ours = [value for name, values in shares.items() if name not in plain for value in values]
    good = sum(LEAST <= value <= MOST for value in ours)
    outside = min(ours), max(ours)
    return Answer(
        f"Yes, nearly always: at `contamination=0.05`, skood's detectors and Pipelines flag "
        f"{LEAST:g} to {MOST:g} % of new ID rows in {good} of {len(ours)} cases (a detector on one "
        "kind of rows).",
        f"The others flag {outside[0]:g} to {outside[1]:g} %, mostly where 100 rows were drawn once"
        f" or twice. A plain scikit-learn Pipeline flags up to "
        f"{max(max(values) for values in plain.values()):g} %.",
        Chart(
            "new ID rows flagged, % (median; the band holds all cells; at 5 %)",
            {"flagged": {name: median(values) for name, values in shares.items()}},
            ours=[name for name in shares if name not in plain],
            spans={name: (max(min(v), 0.3), max(v)) for name, v in shares.items()},
            marks=(AT,),
            log=True,
        ),
    )


def _by_alpha(one: Table, column: str) -> dict[str, dict[str, float]]:
    """The numbers of a column by row, for each alpha."""
    place, found = one.head.index(column), {"1": {}, "5": {}, "10": {}}
    for row in one.rows:
        found[row[1]][row[0]] = number(row[place])
    return found


def conformal(tables: Tables) -> Answer:
    """False alarms of `ConformalOutlierDetector`."""
    rows = table(tables, "Flagged ID rows", "with random ties")
    by_class = table(tables, "Flagged ID rows of each class")
    flagged = _by_alpha(rows, "flagged ± s.e.")
    worst = max(_by_alpha(by_class, "most flagged class ± s.e.")["5"].values())
    together = max(_by_alpha(by_class, by_class.head[-1])["5"].values())
    found = _by_alpha(table(tables, "False discoveries"), "OoD rows flagged")
    low, high = min(flagged["5"].values()), max(flagged["5"].values())
    return Answer(
        f"Yes: at alpha = 5 %, `ConformalOutlierDetector` flags {low:.2f} to {high:.2f} % of new "
        f"ID rows, and with `class_conditional=True` {worst:.2f} % at most of any class.",
        f"Calibrated together, one class may have {together:.2f} %. Control of false discoveries "
        "costs OoD rows: at 1 %, "
        f"{sum(value < 5 for value in found['1'].values())} of {len(found['1'])} cases find fewer "
        "than 5 % of them.",
        Chart(
            "ID rows flagged, %",
            {f"alpha = {alpha} %": values for alpha, values in flagged.items()},
            marks=(1.0, 5.0, 10.0),
        ),
    )


def conformal_methods(tables: Tables) -> Answer:
    """Full conformal p-values and CV+ beside a split."""
    found = table(tables, "", "OoD rows flagged ± s.e.").numbers("OoD rows flagged ± s.e.")
    controlled = table(tables, "", "compared with split")
    times = {row[0]: row[-1] for row in controlled.rows}
    ways = {"split": "split", "full": "full", "cv+": "CV+"}
    return Answer(
        "No: full conformal p-values calibrate with all training rows, and flag "
        f"{found['kNN, full']:.1f} % of the OoD rows where a split flags "
        f"{found['kNN, split']:.1f} % (kNN, alpha = 5 %; LCP {found['LCP, full']:.1f} against "
        f"{found['LCP, split']:.1f} %).",
        f"CV+ flags {found['kNN, cv+']:.1f} and {found['LCP, cv+']:.1f} %. If the false "
        f"discovery rate is controlled, full p-values find {number(times['kNN, full, fdr']):.2f} "
        f"times as many OoD rows with kNN, but only {number(times['LCP, full, fdr']):.2f} times as "
        "many with LCP.",
        Chart(
            "OoD rows flagged, %, at alpha = 5 %",
            {
                title: {name: found[f"{name}, {way}"] for name in ("kNN", "LCP")}
                for way, title in ways.items()
            },
            kind="bars",
        ),
    )


def _delay(cell: str) -> float:
    return math.inf if cell.startswith("∞") else number(cell)


def monitor(tables: Tables) -> Answer:
    """Delays of the monitor and of its peers."""
    all_delays = table(tables, "Delay in rows", "change")
    ours, tuned = "skood, alpha=0.05", "skood, tuned"
    rows = {row[0]: row for row in all_delays.rows if row[0] != "no change"}
    delays = {
        name: {kind: _delay(row[i]) for kind, row in rows.items()}
        for i, name in enumerate(all_delays.head[1:], start=1)
    }
    peers = [name for name in delays if not name.startswith("skood")]
    ahead = min(sum(delays[tuned][kind] < delays[name][kind] for kind in rows) for name in peers)
    behind = max(sum(delays[tuned][kind] > delays[name][kind] for kind in rows) for name in peers)
    seen = [kind for kind in rows if delays[ours][kind] < math.inf]
    missed = [kind for kind in rows if kind not in seen]
    quiet = re.sub(r"[() ]", "", all_delays.cell("no change", ours))
    shown = {
        tuned: "skood",
        "ADWIN": "ADWIN (river)",
        "KS by column": "KS by column (alibi-detect)",
        "nonconform, CUSUM": "CUSUM (nonconform)",
    }
    return Answer(
        f"`ConformalMonitor(alpha=0.05)` sees {len(seen)} of {len(rows)} kinds of change in most "
        f"streams, an abrupt one {delays[ours]['abrupt']:.0f} rows after it, and alarms in "
        f"{quiet.replace('%', ' %')} of the streams without a change.",
        f"It misses {' and '.join(missed)} in most streams. At the same rate of false alarms it is "
        f"sooner than each peer in {ahead} kinds or more, and later in {behind} at most.",
        Chart(
            "median delay in rows (no point: most streams without an alarm)",
            {
                title: {k: delays[name][k] for k in seen if delays[name][k] < math.inf}
                for name, title in shown.items()
            },
            log=True,
        ),
    )


QUESTIONS = {
    "thresholds": Question("Does `predict` flag the share of new rows that it says?", thresholds),
    "conformal": Question("Does the false alarm rate of a p-value hold?", conformal),
    "conformal_methods": Question(
        "Do p-values need rows of their own for calibration?", conformal_methods
    ),
    "monitor": Question("An alarm over time: how soon does it see a change?", monitor),
}
