"""Monitors of other packages, each as the path of a statistic: it alarms where that is high.

A peer gets what it needs: the p-values of the rows, their scores, or the rows themselves, and those
of rows that nothing has changed in, before the stream.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier

from .streams import BATCH, CHANGE

_LEVEL = 0.05  # of the threshold for each row
_FLOOR = 1e-8  # a p-value as small as this is an alarm at every limit that keeps false alarms
_DELTAS = 10.0 ** -np.arange(0.05, 8, 0.05)  # thresholds of ADWIN, the strictest last
_LIMITS = np.geomspace(1, 300, 40)  # those of Page-Hinkley
_N_TREES = 25


@dataclass(eq=False)
class Feed:
    """The inputs of a peer: before the stream, and the stream."""

    before: NDArray[np.float64]
    """Rows (`N_FIT`, d)."""
    rows: NDArray[np.float64]
    """(n, d)."""
    calibration: NDArray[np.float64]
    """Scores of those rows of `before` that fitted no detector."""
    scores: NDArray[np.float64]
    """(n,)."""
    seed: int
    known: dict[Any, Any] = field(default_factory=dict)
    """What streams that begin alike share."""

    @cached_property
    def p_values(self) -> NDArray[np.float64]:
        """Of the rows of the stream, among the calibration rows."""
        return _p_values(self.calibration, self.scores)

    @cached_property
    def p_values_before(self) -> NDArray[np.float64]:
        """Of the calibration rows among themselves."""
        return _p_values(self.calibration, self.calibration)

    @cached_property
    def jumper(self) -> list[Any]:
        """The states of nonconform's martingale, a simple jumper, after each row."""
        from nonconform.martingales import SimpleJumperMartingale
        from nonconform.monitoring import SequentialRankConformalizer

        ranks = SequentialRankConformalizer(tail="lower", seed=self.seed)
        ranks.prime_many(self.calibration)
        return SimpleJumperMartingale().update_many(ranks.update_many(self.scores))


def _p_values(calibration: NDArray, scores: NDArray) -> NDArray[np.float64]:
    below = np.searchsorted(np.sort(calibration), scores, side="right")
    return (1 + below) / (1 + len(calibration))


def binomial(feed: Feed) -> NDArray[np.float64]:
    """A threshold for each row at 5 %, and a binomial test of each batch."""
    n_low = (feed.p_values <= _LEVEL).reshape(-1, BATCH).sum(axis=1)
    return _at_ends(-binom.logsf(n_low - 1, BATCH, _LEVEL))


def adwin(feed: Feed) -> NDArray[np.float64]:
    """ADWIN of river on the p-values."""
    from river.drift import ADWIN

    return _strictest(feed, _DELTAS, -np.log10(_DELTAS), lambda delta: ADWIN(delta=delta))


def page_hinkley(feed: Feed) -> NDArray[np.float64]:
    """The Page-Hinkley test of river on the p-values."""
    from river.drift import PageHinkley

    return _strictest(feed, _LIMITS, _LIMITS, lambda limit: PageHinkley(threshold=limit))


def _strictest(
    feed: Feed, settings: NDArray, strictness: NDArray, make: Callable[[float], Any]
) -> NDArray[np.float64]:
    """At the first alarm of each setting, how strict the setting is."""
    path = np.full(len(feed.scores), -np.inf)
    before, values = feed.p_values_before.tolist(), feed.p_values.tolist()
    for setting, strict in zip(settings, strictness, strict=True):
        detector = make(setting)
        for value in before:
            detector.update(value)
        for i, value in enumerate(values):
            detector.update(value)
            if detector.drift_detected:
                path[i] = max(path[i], strict)
                break
    return path


def kswin(feed: Feed) -> NDArray[np.float64]:
    """KSWIN of river on the p-values: its own p-value after each row."""
    from river.drift import KSWIN

    values, path = feed.p_values, np.full(len(feed.scores), -np.inf)
    key = ("KSWIN", values[:CHANGE].tobytes())
    if key not in feed.known:
        detector = KSWIN(alpha=0, seed=feed.seed, window=feed.p_values_before[-100:].tolist())
        _follow(detector, values[:CHANGE], path[:CHANGE])
        feed.known[key] = (detector, path[:CHANGE].copy())
    detector, path[:CHANGE] = copy.deepcopy(feed.known[key])
    _follow(detector, values[CHANGE:], path[CHANGE:])
    return path


def _follow(detector: Any, values: NDArray, path: NDArray) -> None:
    for i, value in enumerate(values.tolist()):
        detector.update(value)
        path[i] = -np.log10(max(detector.p_value, _FLOOR))
        if detector.p_value <= _FLOOR:
            break


def columns_ks(feed: Feed) -> NDArray[np.float64]:
    """The Kolmogorov-Smirnov test of each column by alibi-detect, with Bonferroni's correction."""
    from alibi_detect.cd import KSDrift

    return _alibi("KS", KSDrift(feed.before), feed)


def classifier(feed: Feed) -> NDArray[np.float64]:
    """The test of alibi-detect whether a random forest tells the batch from rows before."""
    from alibi_detect.cd import ClassifierDrift

    forest = RandomForestClassifier(_N_TREES, min_samples_leaf=3, random_state=feed.seed)
    detector = ClassifierDrift(
        feed.before[-len(feed.calibration) :],
        forest,
        backend="sklearn",
        use_oob=True,
        preds_type="probs",
        binarize_preds=False,
    )
    return _alibi("classifier", detector, feed)


def _alibi(name: str, detector: Any, feed: Feed) -> NDArray[np.float64]:
    """The p-value of each batch, by Bonferroni over its columns, up to one at the floor."""
    logging.getLogger("alibi_detect").setLevel(logging.ERROR)
    statistics = np.full(len(feed.rows) // BATCH, -np.inf)
    for i in range(len(statistics)):
        rows = feed.rows[i * BATCH : (i + 1) * BATCH]
        key = (name, rows.tobytes())
        if key not in feed.known:
            with warnings.catch_warnings(action="ignore"):
                found = detector.predict(rows)["data"]["p_val"]
            feed.known[key] = max(float(np.min(found) * np.size(found)), _FLOOR)
        statistics[i] = -np.log10(feed.known[key])
        if feed.known[key] <= _FLOOR:
            break
    return _at_ends(statistics)


def restarted_jumper(feed: Feed) -> NDArray[np.float64]:
    """The martingale of nonconform with restarts."""
    return np.array([state.log_restarted_martingale for state in feed.jumper])


def jumper_cusum(feed: Feed) -> NDArray[np.float64]:
    """The martingale of nonconform as a CUSUM statistic."""
    return np.array([state.log_cusum for state in feed.jumper])


def _at_ends(statistics: Any) -> NDArray[np.float64]:
    """The statistic of each batch at its last row."""
    statistics = np.asarray(statistics, dtype=float)
    path = np.full((len(statistics), BATCH), -np.inf)
    path[:, -1] = statistics
    return path.ravel()


PEERS: dict[str, Callable[[Feed], NDArray[np.float64]]] = {
    "binomial test": binomial,
    "ADWIN": adwin,
    "KSWIN": kswin,
    "Page-Hinkley": page_hinkley,
    "KS by column": columns_ks,
    "classifier": classifier,
    "nonconform, restarted": restarted_jumper,
    "nonconform, CUSUM": jumper_cusum,
}
