"""The reports of `skood bench` as one HTML file, for the rows of a file and for many sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .compare.comparison import Comparison
from .compare.intervals import Interval
from .compare.reading import reading_items
from .compare.report import (
    LABELS,
    cost_lines,
    describe_protocol,
    fold_lines,
    metric_caption,
    metric_lines,
)
from .compare.suite_comparison import SuiteComparison
from .compare.suite_report import suite_table, suite_verdict
from .compare.verdict import verdict
from .html import chart
from .html.parts import document, figures, items, section, status, table, text
from .html.settings import settings

_DEFAULT = "tabular"
_DRAWN = ("auroc", "fpr95")
_LONGEST = 2000  # characters of a verdict
_STEPS = (0.2, 0.5, 1, 2, 5, 10, 20, 25)  # of ticks, in percent
_MOST_TICKS = 5

Made = Sequence[tuple[str, str]]
_Lines = tuple[Sequence[str], Sequence[Sequence[str]]]


def bench_page(comparison: Comparison, source: str, facts: Sequence[str], made: Made) -> str:
    """The report on detectors that were compared on rows of a file."""
    best, *_ = order = comparison.order()
    level = f"{100 * comparison.confidence_level:g} %"
    n = len(comparison.folds)
    spread = f" Line: {level} interval over folds." if n > 1 else ""
    pictures = [
        _dots(
            f"{LABELS[metric]} in percent, {better}. Small: each fold. Large: mean.{spread}",
            order,
            [100 * comparison.values[metric][comparison.detectors.index(one)] for one in order],
            [comparison.estimate(one, metric).over_folds for one in order],
        )
        for metric, better in zip(_DRAWN, ("higher is better", "lower is better"), strict=True)
    ]
    means = [f"{100 * comparison.estimate(one, 'auroc').mean:.1f} %" for one in order]
    return document(
        f"Detectors compared on {source}",
        f"skood bench: {source}",
        f"{len(order)} detectors, {n} folds",
        status(f"Largest mean AUROC: {best}", text(verdict(comparison), _LONGEST), alarm=False)
        + _numbers(order, means)
        + "".join(pictures)
        + section(f"{metric_caption(comparison)}", _marked(metric_lines(comparison)))
        + section("Leads, wins and seconds", _marked(cost_lines(comparison)))
        + section("AUROC fold by fold, in percent", _plain(fold_lines(comparison)))
        + section("How to read this", items(reading_items(comparison)))
        + section("Rows and detectors", items([*facts, describe_protocol(comparison)]))
        + settings(made),
    )


def suite_page(comparison: SuiteComparison, source: str, notes: Sequence[str], made: Made) -> str:
    """The report on detectors that were compared on many sets."""
    best, *_ = order = comparison.order()
    places = [comparison.detectors.index(name) for name in order]
    n = len(comparison.sets)
    picture = _dots(
        "AUROC in percent, higher is better. Small: each set. Large: mean.",
        order,
        [100 * comparison.auroc[place] for place in places],
        [None] * len(order),
    )
    means = [f"{100 * comparison.auroc[place].mean():.1f} %" for place in places]
    return document(
        f"Detectors compared on the sets of {source}",
        f"skood bench: the sets of {source}",
        f"{len(order)} detectors, {n:,} sets",
        status(
            f"Largest mean AUROC: {best}", text(suite_verdict(comparison), _LONGEST), alarm=False
        )
        + _numbers(order, means)
        + picture
        + section("Means over sets", _marked(suite_table(comparison)))
        + section("How to read this", items(notes))
        + settings(made),
    )


def _numbers(order: Sequence[str], means: Sequence[str]) -> str:
    """The mean AUROC of the best detector and of the default of the commands."""
    pairs = [(f"AUROC of {order[0]}, the best", means[0])]
    if _DEFAULT in order[1:]:
        pairs.append((f"AUROC of {_DEFAULT}, the default", means[order.index(_DEFAULT)]))
    return figures(pairs)


def _marked(lines: _Lines) -> str:
    """A table of detectors, the best first, with the best and the default marked."""
    head, rows = lines
    marked = []
    for place, row in enumerate(rows):
        marks = ["best"] * (place == 0) + ["default"] * (row[0] == _DEFAULT)
        marked.append([f"{row[0]} ({', '.join(marks)})" if marks else row[0], *row[1:]])
    return _plain((head, marked))


def _plain(lines: _Lines) -> str:
    head, rows = lines
    return table(head, rows, set())


def _dots(
    title: str,
    names: Sequence[str],
    values: Sequence[NDArray[np.float64]],
    intervals: Sequence[Interval | None],
) -> str:
    """A line for each detector, with its values, their mean and an interval of it, in percent."""
    ends = [100 * np.clip(one, 0.0, 1.0) for one in intervals if one is not None]
    x = _percents(np.concatenate([*values, *ends]))
    n = len(names)
    y = chart.Axis(0, n, [(n - place - 0.5, name) for place, name in enumerate(names)])
    parts = []
    for (height, _), of_folds, interval in zip(y.ticks, values, intervals, strict=True):
        if interval is not None:
            low, high = (100 * min(max(end, 0.0), 1.0) for end in interval)
            parts.append(chart.line(x, y, [(low, height), (high, height)], "value"))
        parts += [chart.dot(x, y, float(value), height, "dot") for value in of_folds]
        parts.append(chart.dot(x, y, float(of_folds.mean()), height, "mean"))
    return chart.chart(title, x, y, parts, names=True)


def _percents(values: NDArray[np.float64]) -> chart.Axis:
    """An axis from the lowest to the highest value, with round ticks."""
    low, high = float(values.min()), float(values.max())
    step = next((s for s in _STEPS if (high - low) / s <= _MOST_TICKS - 1), _STEPS[-1])
    first, last = np.floor(low / step), max(np.ceil(high / step), np.floor(low / step) + 1)
    ticks = [float(k * step) for k in np.arange(first, last + 1)]
    return chart.Axis(ticks[0], ticks[-1], [(tick, f"{tick:g}") for tick in ticks])
