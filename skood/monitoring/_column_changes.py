"""The columns in which the latest rows differ from the calibration rows, and the strangest rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from .._validation import select_rows
from ..calibration import ConformalOutlierDetector
from ..calibration.column_bins import ColumnBins
from ..explanation import explain

_EXPLAINED, _REASONS = 200, 3
Shares = dict[str, float]


def reference_shares(conformal: ConformalOutlierDetector, X: Any) -> Shares | None:
    """The mean share of each column in the anomaly scores of calibration rows; None without."""
    rows = conformal.training_indices_[:_EXPLAINED]
    return _mean_shares(conformal, select_rows(X, rows))


def _mean_shares(conformal: ConformalOutlierDetector, rows: Any) -> Shares | None:
    explanation = _explained(conformal, rows)
    if explanation is None:
        return None
    names = map(str, explanation.feature_names)
    return dict(zip(names, explanation.shares.mean(axis=0).tolist(), strict=True))


def _explained(conformal: ConformalOutlierDetector, rows: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `update` has warned of these rows
            return explain(conformal, rows)
    except (ValueError, TypeError, NotImplementedError):  # a detector that explains nothing
        return None


def column_changes(
    conformal: ConformalOutlierDetector,
    bins: ColumnBins | None,
    rows: Any,
    reference: Shares | None,
) -> Any:
    """The frame of `ConformalMonitor.changes`."""
    pandas = import_optional("pandas", "io", needed_by="ConformalMonitor.changes")
    names = ("column", "p_value", "statistic", "share", "usual", "now")
    if bins is None or rows is None:
        return pandas.DataFrame({name: [] for name in names})
    counts = bins.count(rows)
    described = ColumnBins.of(rows, rows)
    now = {} if described is None else dict(zip(described.names, described.usual, strict=True))
    excess = _excess(conformal, rows, reference)
    lines = zip(
        bins.names,
        bins.adjusted(counts).tolist(),
        _largest_differences(bins, counts).tolist(),
        [excess.get(name, np.nan) for name in bins.names],
        bins.usual,
        [now.get(name, "") for name in bins.names],
        strict=True,
    )
    frame = pandas.DataFrame(list(lines), columns=names)
    order = np.lexsort([-frame["statistic"], frame["p_value"]])
    return frame.iloc[order].reset_index(drop=True)


def _excess(
    conformal: ConformalOutlierDetector, rows: Any, reference: Shares | None
) -> dict[str, float]:
    """The share of each column in the rise of these rows' anomaly scores above usual ones."""
    last = np.arange(len(rows))[-_EXPLAINED:]
    shares = _mean_shares(conformal, select_rows(rows, last))
    if shares is None:
        return {}
    usual = reference or {}
    more = {name: share - usual.get(name, 0.0) for name, share in shares.items()}
    total = sum(abs(value) for value in more.values())
    return {name: value / total if total else 0.0 for name, value in more.items()}


def _largest_differences(bins: ColumnBins, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The largest difference of shares of rows: in a bin, and up to one where they are ordered."""
    now = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    usual = bins.counts / np.maximum(bins.counts.sum(axis=1, keepdims=True), 1)
    ordered = bins.is_number[:, np.newaxis]
    both = np.hstack([now - usual, np.where(ordered, np.cumsum(now - usual, axis=1), 0)])
    largest: NDArray[np.float64] = np.abs(both).max(axis=1)
    return largest


def strangest_rows(
    conformal: ConformalOutlierDetector, window: Any, n: int
) -> list[dict[str, Any]]:
    """The rows of `ConformalMonitor.strangest`."""
    rows, facts, times, first_row = window
    lowest = np.argsort(facts[:, 0], kind="stable")[:n]
    if not len(lowest):
        return []
    explanation = _explained(conformal, select_rows(rows, lowest))
    reasons = [[]] * len(lowest) if explanation is None else explanation.reasons(_REASONS)
    neighbors = None if explanation is None else explanation.neighbors
    return [
        {
            "row": int(first_row + i),
            "time": None if times is None else np.datetime64(int(times[i]), "ns"),
            "score": float(facts[i, 0]),
            "p_value": float(facts[i, 1]),
            "reasons": "; ".join(reason),
            "neighbors": [] if neighbors is None else neighbors.indices[k].tolist(),
        }
        for k, (i, reason) in enumerate(zip(lowest.tolist(), reasons, strict=True))
    ]
