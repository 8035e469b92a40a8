"""Runs methods on sets of ADBench: splits, scores, failures."""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from _adbench.methods import PRESET, Method, methods
from skood.metrics import aupr_out, auroc, fpr_at_tpr

KINDS = {
    "tabular": ["Classical"],
    "embedding": ["CV_by_ResNet18", "CV_by_ViT", "NLP_by_BERT"],
}
# Only shuttle has more normal rows. Kernel density in scikit-learn and PyOD costs n².
MAX_TRAINING_ROWS = 10_000
# Processor time for one split. Only robust covariance with hundreds of columns needs more: some
# minutes.
LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Dataset:
    """One file of ADBench."""

    name: str
    kind: str
    path: Path


@dataclass
class Outcome:
    """Values in % of a method on a set, one for each split, or the reason of a failure."""

    auroc: list[float] = field(default_factory=list)
    aupr: list[float] = field(default_factory=list)
    fpr95: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""
    warning: str = ""

    @property
    def mean(self) -> float:
        """Mean AUROC; NaN if the method failed on any split."""
        return float("nan") if self.failure else float(np.mean(self.auroc))


class TooSlowError(Exception):
    """A method exceeds the time limit."""


def datasets(folder: Path, pattern: str) -> list[Dataset]:
    """The sets whose name contains `pattern`."""
    sets = []
    for kind, groups in KINDS.items():
        for group in groups:
            # Without its group, the name of an embedding set is not unique.
            prefix = "" if kind == "tabular" else group.split("_by_")[1] + "/"
            paths = sorted((folder / "adbench" / group).glob("*.npz"), key=_natural_order)
            sets += [Dataset(prefix + path.stem, kind, path) for path in paths]
    return [dataset for dataset in sets if pattern.lower() in dataset.name.lower()]


def evaluate(dataset: Dataset, n_splits: int, peers: bool) -> dict[str, Outcome]:
    """Outcome of every method on one set."""
    X, y = _load(dataset.path)
    chosen = methods(dataset.kind, peers=peers)
    outcomes = {method.name: Outcome() for method in chosen}
    for seed in range(n_splits):
        raw, labels = _split(X, y, seed)
        ready = _standardised(*raw) if dataset.kind == "tabular" else raw
        for method in chosen:
            rows = raw if method.name in PRESET.values() else ready
            if not outcomes[method.name].failure:
                _run(method, seed, rows, labels, outcomes[method.name])
    return outcomes


def _natural_order(path: Path) -> tuple[int, str]:
    number = path.stem.split("_")[0]
    return (int(number) if number.isdigit() else 0, path.stem)


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as file:
        return file["X"].astype(np.float64), file["y"]


def _split(
    X: np.ndarray, y: np.ndarray, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Training and test rows, and +1 / -1 for the test rows."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    n_train = int(0.7 * len(normal))
    test = np.r_[normal[n_train:], np.flatnonzero(y == 1)]
    train = normal[: min(n_train, MAX_TRAINING_ROWS)]
    return (X[train], X[test]), np.where(y[test] == 1, -1, 1)


def _standardised(X_train: np.ndarray, X_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaler = StandardScaler().fit(X_train)
    return scaler.transform(X_train), scaler.transform(X_test)


def _run(
    method: Method,
    seed: int,
    rows: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray,
    outcome: Outcome,
) -> None:
    """Add the values of a split, or the reason of a failure."""
    start = time.process_time()
    try:
        with warnings.catch_warnings(record=True) as caught, _time_limit(LIMIT_SECONDS):
            warnings.simplefilter("always")
            scores = method.make(seed).fit(rows[0]).score_samples(rows[1])
        if caught and not outcome.warning:
            outcome.warning = _one_line(caught[0].message)
        outcome.auroc.append(100 * auroc(labels, scores))
        outcome.aupr.append(100 * aupr_out(labels, scores))
        outcome.fpr95.append(100 * fpr_at_tpr(labels, scores))
    except Exception as error:  # whatever a peer raises is a result here
        outcome.failure = _one_line(error)
    outcome.seconds += time.process_time() - start


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Limit the processor time of a block, which runs on one thread; no limit on Windows."""
    if not hasattr(signal, "setitimer"):
        with threadpool_limits(1):
            yield
        return

    def stop(*_: Any) -> None:
        raise TooSlowError(f"stopped after {seconds:g} s of processor time on one split")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with threadpool_limits(1):
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _one_line(problem: object) -> str:
    """The first sentence of a message, without the numbers that differ from run to run."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text.split(": log(det)")[0][:120]
