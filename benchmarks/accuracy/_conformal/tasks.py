"""Scores of calibration rows, new ID rows and OoD rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from _common.images import load_grey
from skood import KNNOutlierDetector, make_outlier_detector
from skood.datasets import load_digits_ood

N_SIMULATED = 1_500  # rows of a repetition that fit and calibrate, half each
MOST_NEW = 1_000  # ID rows that are tested in a repetition
N_TRAINING_IMAGES, N_STRANGE_IMAGES = 5_000, 2_000


@dataclass(frozen=True)
class Draw:
    """The scores of one repetition; the classes of the ID rows where there are any."""

    calibration: NDArray[np.float64]
    calibration_classes: NDArray | None
    inside: NDArray[np.float64]
    inside_classes: NDArray | None
    outside: NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """Draws the scores of a repetition; calibration rows come from each class or from all rows."""

    name: str
    description: str
    n_calibration: int
    has_classes: bool
    draw: Callable[[np.random.Generator, bool], Draw]


def all_tasks(data: Path | None) -> Iterator[Task]:
    """The tasks; those that need files are left out without a folder."""
    yield _simulation()
    yield _digits()
    if data is not None:
        yield _adbench(data)
        yield _fashion(data)


def simulated(rng: np.random.Generator, n: int) -> tuple[NDArray, NDArray]:
    """Three classes of different width, a half, a third and a sixth of the rows."""
    y = rng.choice(3, size=n, p=[1 / 2, 1 / 3, 1 / 6])
    return rng.normal(size=(n, 5)) * np.array([0.5, 1.0, 2.0])[y, np.newaxis] + 4.0 * y[:, None], y


def _simulation() -> Task:
    def draw(rng: np.random.Generator, by_class: bool) -> Draw:
        X, y = simulated(rng, N_SIMULATED)
        fits = _first_half(rng, y, by_class)
        detector = KNNOutlierDetector(n_neighbors=5).fit(X[fits])
        new, new_y = simulated(rng, 200)
        outside = simulated(rng, 50)[0] + rng.choice([-4.0, 4.0], size=(50, 5))
        score = detector.score_samples
        return Draw(score(X[~fits]), y[~fits], score(new), new_y, score(outside))

    description = (
        f"kNN, fitted anew in each repetition to {N_SIMULATED // 2} of {N_SIMULATED:,} new rows"
    )
    return Task("simulation", description, N_SIMULATED // 2, True, draw)


def _first_half(rng: np.random.Generator, y: NDArray, by_class: bool) -> NDArray[np.bool_]:
    half = np.zeros(len(y), dtype=bool)
    groups = [np.flatnonzero(y == k) for k in np.unique(y)] if by_class else [np.arange(len(y))]
    for members in groups:
        half[rng.permutation(members)[: len(members) // 2]] = True
    return half


def _from_pool(
    name: str,
    detector: Any,
    training: NDArray,
    inside: NDArray,
    outside: NDArray,
    y: NDArray | None,
    share: float,
) -> Task:
    """A task whose rows are scored once; each repetition splits the ID rows anew."""
    detector.fit(training)
    scores, strange = detector.score_samples(inside), detector.score_samples(outside)

    def draw(rng: np.random.Generator, by_class: bool) -> Draw:
        groups = [np.arange(len(scores))]
        if by_class and y is not None:
            groups = [np.flatnonzero(y == k) for k in np.unique(y)]
        parts = [np.split(rng.permutation(g), [round(share * len(g))]) for g in groups]
        first, rest = (np.concatenate(side) for side in zip(*parts, strict=True))
        rest = rng.permutation(rest)[:MOST_NEW]
        classes = (None, None) if y is None else (y[first], y[rest])
        return Draw(scores[first], classes[0], scores[rest], classes[1], strange)

    description = f"{len(training):,} rows fit the detector, {len(scores):,} others are split anew"
    return Task(name, description, round(share * len(scores)), y is not None, draw)


def digits() -> tuple[NDArray, NDArray]:
    """The digits 0 to 7 and their labels."""
    digits_ood = load_digits_ood(n_far=0)
    return np.vstack([digits_ood.X_train, digits_ood.X_test]), np.r_[
        digits_ood.y_train, digits_ood.y_test
    ]


def _digits() -> Task:
    X, y = digits()
    order = np.random.default_rng(0).permutation(len(X))
    fit, rest = order[:240], order[240:]
    detector, strange = make_outlier_detector("tabular-fast"), load_digits_ood().X_far
    return _from_pool("digits", detector, X[fit], X[rest], strange, y[rest], share=0.75)


def _adbench(data: Path) -> Task:
    with np.load(data / "adbench" / "Classical" / "23_mammography.npz") as file:
        X, anomaly = file["X"].astype(np.float64), file["y"] == 1
    inside = np.random.default_rng(0).permutation(X[~anomaly])
    detector = make_outlier_detector("tabular-fast")
    return _from_pool(
        "23_mammography", detector, inside[:3_000], inside[3_000:], X[anomaly], None, share=0.5
    )


def _fashion(data: Path) -> Task:
    training, _ = load_grey(data, "fashion", "train")
    inside, classes = load_grey(data, "fashion", "t10k")
    outside, _ = load_grey(data, "mnist", "t10k")
    images = (training[:N_TRAINING_IMAGES], inside, outside[:N_STRANGE_IMAGES])
    rows = [part.reshape(len(part), -1) / np.float32(255) for part in images]
    detector = make_pipeline(PCA(50, random_state=0), make_outlier_detector("embedding"))
    return _from_pool("Fashion-MNIST", detector, *rows, classes, share=0.5)
