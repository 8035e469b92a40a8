"""Tables of embeddings: rows of known classes, of other classes (near), of other sources (far)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from _embeddings.sources import Source, source

MOST = 1000  # near rows, and rows of each far source
TRAINING_SHARE = 0.75  # of the texts of a known class


@dataclass(frozen=True)
class Split:
    """Training rows with their classes, and rows to score by kind: known, near, and far ones."""

    X: NDArray[np.float64]
    y: NDArray
    known: NDArray[np.float64]
    known_y: NDArray
    near: dict[str, NDArray[np.float64]]
    far: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Table:
    """A known source, whose splits are drawn by a seed."""

    family: str
    name: str
    split: Callable[[int], Split]


def tables(data: Path, cache: Path) -> list[Table]:
    """All tables; the cache keeps the embeddings."""

    def load(name: str) -> Source:
        return source(name, data, cache)

    far = {name: load(key)[0] for name, key in _FAR_IMAGES.items()}
    train, test = load("cifar10-train"), load("cifar10-test")
    texts = {name: load(key) for name, key in _TEXTS.items()}
    unit = {name: (_unit(X), y) for name, (X, y) in texts.items()}
    return [
        Table("EfficientNet", "CIFAR-10", lambda seed: _all_classes(train, test, far, seed)),
        Table("EfficientNet", "CIFAR-10, 5 classes", lambda seed: _images(train, test, far, seed)),
        *(
            Table(
                f"MiniLM, {form}",
                f"{name}, {form}",
                lambda seed, s=sources, n=name: _text(s, n, seed),
            )
            for name in ("package summaries", "manual pages")
            for form, sources in (("length 1", unit), ("lengths kept", texts))
        ),
    ]


_FAR_IMAGES = {"SVHN": "svhn", "MNIST": "mnist", "Fashion-MNIST": "fashion"}
_TEXTS = {
    "package summaries": "summaries",
    "manual pages": "manual-pages",
    "licences": "licences",
}


def _unit(X: NDArray[np.float64]) -> NDArray[np.float64]:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _all_classes(train: Source, test: Source, far: dict[str, NDArray], seed: int) -> Split:
    """Half of the training rows, since the table of five classes has as many."""
    chosen = np.random.default_rng(seed).permutation(len(train[1]))[: len(train[1]) // 2]
    return Split(train[0][chosen], train[1][chosen], *test, {}, far)


def _images(train: Source, test: Source, far: dict[str, NDArray], seed: int) -> Split:
    known = _some_classes(test[1], seed)
    (X, y), (Q, labels) = train, test
    seen, old = np.isin(y, known), np.isin(labels, known)
    return Split(X[seen], y[seen], Q[old], labels[old], {"other classes": Q[~old]}, far)


def _text(sources: dict[str, Source], name: str, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    X, y = sources[name]
    order = rng.permutation(len(y))
    X, y = X[order], y[order]
    known = _some_classes(y, seed)
    place = np.zeros(len(y))  # of each row in its class, from 0 to 1
    for label in known:
        place[y == label] = np.linspace(0, 1, (y == label).sum())
    old = np.isin(y, known)
    seen = old & (place < TRAINING_SHARE)
    held = old & ~seen
    far = {
        other: rng.permutation(rows)[:MOST] for other, (rows, _) in sources.items() if other != name
    }
    return Split(X[seen], y[seen], X[held], y[held], {"other classes": X[~old][:MOST]}, far)


def _some_classes(y: NDArray, seed: int) -> NDArray:
    """Half of the classes at random."""
    classes = np.unique(y)
    return np.random.default_rng(seed).permutation(classes)[: len(classes) // 2]
