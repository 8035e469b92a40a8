"""The report of `skood detect` as one HTML file, to be sent to somebody who has not run it."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skood import ConformalOutlierDetector, explain
from skood._validation import last_step, select_rows
from skood.preprocessing.table_findings import counted

from ._alarms import Alarms
from ._fitted import Fitted
from ._run_blocks import unit_of
from ._scoring import Scorer
from .html import chart
from .html.parts import Share, document, figures, section, status, table, text
from .html.settings import settings

_STRANGEST, _REASONS = 20, 3
_MOST_EXPLAINED, _AT_A_TIME = 10_000, 4096  # rows
_BINS = 40
_ERRORS = 3.0  # standard errors above the expected number of false alarms


class DetectReport:
    """Facts for the report on all rows, block by block: counts and the strangest rows."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        self.training: NDArray[np.float64] = np.sort(_outermost(fitted.detector).training_scores_)
        self.edges = _edges(self.training, self.threshold)
        self.counts = np.zeros((2, _BINS), dtype=np.int64)  # of all rows, of the flagged ones
        self.strangest: list[tuple[float, int, dict[str, Any]]] = []
        self.reasons: Counter[str] = Counter()
        self.n_explained = self._n_seen = 0
        self.unexplained = ""

    @property
    def threshold(self) -> float:
        """The score below which the detector flags a row."""
        return float(_outermost(self.fitted.detector).offset_)

    def take(self, rows: Any, results: Any) -> None:
        """Take a block of rows with its results."""
        scores, decisions = np.asarray(results["score"]), np.asarray(results["decision"])
        flagged = np.flatnonzero(decisions == -1)
        for counts, some in zip(self.counts, (scores, scores[flagged]), strict=True):
            inside = np.clip(some, self.edges[0], self.edges[-1])
            counts += np.histogram(inside, self.edges)[0]
        self._count_reasons(rows, flagged[: _MOST_EXPLAINED - self.n_explained])
        self._keep_strangest(rows, results, scores)
        self._n_seen += len(scores)

    def _count_reasons(self, rows: Any, flagged: NDArray[np.intp]) -> None:
        for start in range(0, len(flagged), _AT_A_TIME):
            explanation = self._explained(rows, flagged[start : start + _AT_A_TIME])
            if explanation is None:
                return
            first = explanation.shares.argmax(axis=1)
            self.reasons.update(explanation.feature_names.astype(str)[first].tolist())
            self.n_explained += len(first)

    def _keep_strangest(self, rows: Any, results: Any, scores: NDArray[np.float64]) -> None:
        lowest = np.argsort(scores, kind="stable")[:_STRANGEST]
        if len(self.strangest) == _STRANGEST:
            lowest = lowest[scores[lowest] < -self.strangest[0][0]]
        if not lowest.size:
            return
        explanation = self._explained(rows, lowest)
        reasons = [[]] * len(lowest) if explanation is None else explanation.reasons(_REASONS)
        name = results.schema.names[0]
        for place, why in zip(lowest.tolist(), reasons, strict=True):
            row = results.slice(place, 1).to_pylist()[0]
            kept = {**row, "id": row[name], "reasons": why}
            # a heap of the negative scores: its first row is the least strange of those kept
            entry = (-float(scores[place]), -(self._n_seen + place), kept)
            push = heapq.heappush if len(self.strangest) < _STRANGEST else heapq.heappushpop
            push(self.strangest, entry)

    def _explained(self, rows: Any, places: NDArray[np.intp]) -> Any:
        if not places.size or self.unexplained:
            return None
        try:
            return explain(self.fitted.detector, select_rows(rows, places))
        except (TypeError, ValueError, AttributeError) as error:
            self.unexplained = str(error)
            return None

    def page(self, source: Any, scorer: Scorer, made: Sequence[tuple[str, str]]) -> str:
        """The report; `made` are settings of the command by name."""
        tally, unit, control = scorer.tally, unit_of(source), scorer.alarms.options.control
        n, n_flagged = tally["rows"], tally["flagged"]
        share = f"{n_flagged:,} ({100 * n_flagged / n:.1f} %)"
        return document(
            f"{n_flagged:,} of {n:,} {unit} flagged: {source.name}",
            f"skood detect: {source.name}",
            f"compared with the training rows of {self.fitted.file}",
            self._status(n, n_flagged, unit, scorer.alarms)
            + figures(
                [
                    (unit, f"{n:,}"),
                    ("flagged", share),
                    ("training rows", f"{self.fitted.n_rows:,}"),
                    ("threshold of the score", f"{self.threshold:.4g}"),
                ]
            )
            + self._chart(n, unit, with_threshold=control != "fdr")
            + self._columns()
            + self._new_categories(tally["new"])
            + self._rows(self.fitted.layout.id_column or source.row_name)
            + settings([("detector", self.fitted.describe()), *made]),
        )

    def _status(self, n: int, n_flagged: int, unit: str, alarms: Alarms) -> str:
        tests = "".join(f"<div>{text(line)}</div>" for line in alarms.said)
        shares = f"{n_flagged:,} of {n:,} {unit} are flagged ({100 * n_flagged / n:.1f} %)."
        if alarms.options.control == "fdr":
            alpha = 100 * self.fitted.detector.alpha
            expected = f"Expect up to {alpha:g} % of the flagged {unit} to be normal."
            is_alarm = n_flagged > 0
        else:
            alpha = self._alpha()
            expected = (
                f"Expect up to {alpha * n:,.0f} false alarms ({100 * alpha:.3g} %) if all {unit} "
                "are normal."
            )
            is_alarm = n_flagged > _most_false_alarms(alpha, n, len(self.training))
            expected += (
                " Chance alone does not explain this number."
                if is_alarm
                else " Chance alone may flag as many."
            )
        headline = f"{n_flagged:,} flagged" if n_flagged else f"No {unit} flagged"
        return status(headline, f"{shares} {expected}{tests}", alarm=is_alarm)

    def _alpha(self) -> float:
        """The share of normal rows below the threshold."""
        if isinstance(self.fitted.detector, ConformalOutlierDetector):
            return float(self.fitted.detector.alpha)
        return float((self.training < self.threshold).mean())

    def _chart(self, n: int, unit: str, *, with_threshold: bool) -> str:
        shares = self.counts / n
        usual = np.histogram(np.clip(self.training, *self.edges[[0, -1]]), self.edges)[0]
        usual = usual / len(self.training)
        low, high = float(self.edges[0]), float(self.edges[-1])
        beyond = "≤ " if self.counts[0, 0] else ""
        with_threshold = with_threshold and math.isfinite(self.threshold)
        x = chart.Axis(low, high, [(low, f"{beyond}{low:.3g}"), (high, f"{high:.3g}")])
        y = chart.share_axis(float(max(shares.max(), usual.max())))
        edges = self.edges.tolist()
        parts = [
            chart.bar(x, y, first, last, share, kind)
            for kind, of_bins in (("bar", shares[0]), ("flagged", shares[1]))
            for first, last, share in zip(edges[:-1], edges[1:], of_bins.tolist(), strict=True)
            if share
        ]
        steps = [
            point
            for first, last, share in zip(edges[:-1], edges[1:], usual.tolist(), strict=True)
            for point in ((first, share), (last, share))
        ]
        parts.append(chart.line(x, y, steps, "value"))
        title = f"Scores. Bars: {unit}, the flagged ones in red. Line: held-out training rows."
        if with_threshold:
            parts.append(chart.upright(x, self.threshold, "limit"))
            title += f" Dashed: the threshold, {self.threshold:.4g}."
        return chart.chart(title, x, y, parts)

    def _columns(self) -> str:
        if not self.reasons:
            return ""
        head = ["column", "flagged rows", ""]
        n = self.n_explained
        lines = [
            [name, f"{count:,} ({100 * count / n:.0f} %)", Share(count / n)]
            for name, count in self.reasons.most_common(_STRANGEST)
        ]
        note = f"<p>For {counted(n, 'flagged row')}: the column that contributes most to the "
        note += "anomaly score.</p>"
        return section("Columns that are the first reason", note + table(head, lines, {1}))

    def _new_categories(self, new: dict[str, Any]) -> str:
        lines = [
            [column, f"{found['rows']:,}", ", ".join(map(repr, found["texts"]))]
            for column, found in new.items()
        ]
        head = ["column", "rows", "values"]
        body = table(head, lines, {1}) if lines else ""
        return section("Categories that no training row has", body)

    def _rows(self, name: str) -> str:
        ordered = sorted(self.strangest, key=lambda one: (-one[0], -one[1]))
        lines = [
            [
                row["id"],
                "yes" if row["decision"] == -1 else "no",
                f"{row['p_value']:.2g}" if row.get("p_value") is not None else "",
                f"{row['score']:.4g}",
                row["reasons"],
            ]
            for _, _, row in ordered
        ]
        head = [name, "flagged", "p-value", "score", "reasons: value, expected, share"]
        note = f"<p>No reasons: {text(self.unexplained)}</p>" if self.unexplained else ""
        return section("The strangest rows", note + table(head, lines, {1, 2, 3}))


def _most_false_alarms(alpha: float, n: int, n_held_out: int) -> float:
    """The largest number of false alarms by chance: rows and threshold are drawn at random."""
    variance = alpha * (1 - alpha) * n * (1 + n / (n_held_out + 1))
    return alpha * n + _ERRORS * math.sqrt(variance)


def _outermost(detector: Any) -> Any:
    """The part whose threshold decides: it has the scores of held-out rows."""
    return detector if hasattr(detector, "training_scores_") else last_step(detector)


def _edges(training: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Bins about the training scores; scores further out are counted in the outermost ones."""
    low, middle, high = np.quantile(training, [0.01, 0.5, 1.0]).tolist()
    width = (high - low) or max(abs(high), 1.0) * 1e-6
    first = min(low - width, training[0])
    if math.isfinite(threshold):
        first = min(first, threshold - 0.5 * width)
    first = max(first, middle - 10 * width)
    return np.linspace(first, high + 0.1 * width, _BINS + 1)
