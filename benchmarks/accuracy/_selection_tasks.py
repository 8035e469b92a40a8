"""The tasks of the choice: training rows with classes, and truly strange rows to judge it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from _common.images import as_floats, load_grey

MOST_TRAINING_ROWS = 1_200
MOST_TEST_ROWS = 800  # of each kind
TRACE_ROWS = 10_000  # that the autoencoder is trained on
CLASSES_OUT = 3  # of the ten digits


@dataclass(frozen=True)
class Draw:
    """Rows of one task and seed. `classes` is None where there are no labels."""

    train: np.ndarray
    classes: np.ndarray | None
    test: np.ndarray
    labels: np.ndarray  # +1 / -1 of the test rows


@dataclass(frozen=True)
class Task:
    """The source of the rows, and the default without a choice."""

    name: str
    default: str  # "tabular" or "embedding"
    draw: Callable[[Path, Path, int], Draw]  # from the data, the cache and the seed


def all_tasks() -> list[Task]:
    return [
        Task("digits", "tabular", _digits),
        Task("26_optdigits, no labels", "tabular", partial(_adbench, "26_optdigits")),
        Task("28_pendigits, no labels", "tabular", partial(_adbench, "28_pendigits")),
        Task("traces of MNIST", "embedding", partial(_traces, "mnist", "fashion")),
        Task("traces of Fashion-MNIST", "embedding", partial(_traces, "fashion", "mnist")),
        Task("4-mers of genomes", "embedding", _genomes),
    ]


def _digits(data: Path, cache: Path, seed: int) -> Draw:  # noqa: ARG001
    """Three digits, drawn at random, are out-of-distribution."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    strange = np.isin(y, rng.permutation(10)[:CLASSES_OUT])
    return _split(rng, X[~strange], y[~strange], X[strange])


def _adbench(name: str, data: Path, cache: Path, seed: int) -> Draw:  # noqa: ARG001
    with np.load(data / "adbench" / "Classical" / f"{name}.npz") as file:
        X, y = file["X"].astype(np.float64), file["y"]
    return _split(np.random.default_rng(seed), X[y == 0], None, X[y == 1])


def _traces(name: str, other: str, data: Path, cache: Path, seed: int) -> Draw:
    """Codes of an autoencoder trained on some of the in-distribution images, one for each seed."""
    path = cache / f"selection-{name}-{seed}.npz"
    if not path.exists():
        _make_traces(path, name, other, data, seed)
    with np.load(path) as file:
        rng = np.random.default_rng(seed)
        return _split(rng, file["inside"], file["classes"], file["outside"])


def _make_traces(path: Path, name: str, other: str, data: Path, seed: int) -> None:
    from skood.deep import AutoencoderTransformer

    rng = np.random.default_rng(1000 + seed)
    images, classes = load_grey(data, name, "train")
    order = rng.permutation(len(images))[: TRACE_ROWS + 4_000]
    encoder = AutoencoderTransformer(epochs=15, random_state=seed)
    encoder.fit(as_floats(images[order[:TRACE_ROWS]]))
    rest = order[TRACE_ROWS:]  # rows that the autoencoder has not seen
    strange = rng.permutation(load_grey(data, other, "t10k")[0])[:MOST_TEST_ROWS]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        inside=encoder.transform(as_floats(images[rest])),
        classes=classes[rest],
        outside=encoder.transform(as_floats(strange)),
    )


def _genomes(data: Path, cache: Path, seed: int) -> Draw:  # noqa: ARG001
    """Counts of the 256 4-mers; reads of other genera are out-of-distribution."""
    with np.load(data / "genome" / "reads.npz") as file:
        reads, genome, split = file["reads"], file["genome_id"], file["split"]
        known = file["in_distribution"][genome]
    rng = np.random.default_rng(seed)
    inside = rng.permutation(np.flatnonzero(known & (split == 0)))[: 2 * MOST_TRAINING_ROWS]
    outside = rng.permutation(np.flatnonzero(~known & (split == 1)))[:MOST_TEST_ROWS]
    return _split(rng, _four_mers(reads[inside]), genome[inside], _four_mers(reads[outside]))


def _four_mers(reads: np.ndarray) -> np.ndarray:
    """Counts on both strands, since a read may be of either."""
    both = []
    for strand in (reads, (3 - reads)[:, ::-1]):
        words = sum(
            4**i * strand[:, i : strand.shape[1] - 3 + i].astype(np.int64) for i in range(4)
        )
        both.append(np.stack([np.bincount(row, minlength=256) for row in words]))
    return (both[0] + both[1]).astype(np.float64)


def _split(
    rng: np.random.Generator, inside: np.ndarray, classes: np.ndarray | None, outside: np.ndarray
) -> Draw:
    """70 % of the in-distribution rows to train and choose on; the others and strange rows test."""
    order = rng.permutation(len(inside))
    n_train = int(0.7 * len(inside))
    train, rest = order[:n_train][:MOST_TRAINING_ROWS], order[n_train:][:MOST_TEST_ROWS]
    strange = rng.permutation(len(outside))[:MOST_TEST_ROWS]
    labels = np.r_[np.ones(len(rest), dtype=int), -np.ones(len(strange), dtype=int)]
    test = np.concatenate([inside[rest], outside[strange]])
    return Draw(inside[train], None if classes is None else classes[train], test, labels)
