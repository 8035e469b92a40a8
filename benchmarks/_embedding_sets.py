"""Embeddings to choose the preset for embeddings by: none of them is a set of ADBench.

A class counts as in-distribution that the network has never been trained to tell. Strange are rows
of the other classes, or images of the same class with a defect. Class 0 of CIFAR-10 and of SVHN,
which sets of ADBench are made of, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _embedding_defects import damaged, texture_patches
from _embedding_nets import by_imagenet, by_table2_net, enlarged
from _embedding_texts import KINDS as TEXT_KINDS
from _embedding_texts import by_minilm, docstrings
from _images import as_colour, as_grey, kept, load_colour, load_grey, with_channel
from _table2_nets import lenet, sequence_net
from numpy.typing import NDArray

INSIDE = (2, 5, 8)  # classes that count as in-distribution, one after the other
N_INSIDE, N_OTHER = 760, 45  # rows of each of these, and of each other class
N_SOUND, N_DAMAGED = 300, 120  # images of each class that has defects
Images = tuple[NDArray, NDArray]


@dataclass(frozen=True)
class EmbeddingSet:
    """Embeddings and their classes."""

    family: str
    name: str
    X: NDArray[np.float64]
    y: NDArray
    damaged: NDArray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def tasks(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows of a class, and the rows that are strange to it."""
        if self.damaged.any():
            for label in np.unique(self.y):
                of_class = self.y == label
                yield (
                    np.flatnonzero(of_class & ~self.damaged),
                    np.flatnonzero(of_class & self.damaged),
                )
        else:
            for label in INSIDE:
                yield np.flatnonzero(self.y == label), np.flatnonzero(self.y != label)


def embedding_sets(data: Path, cache: Path) -> list[EmbeddingSet]:
    """All sets; the embeddings are made once and kept in the cache."""
    found: list[EmbeddingSet] = []
    for name, load in IMAGES.items():
        X, y = load(data, cache)
        chosen = _some(y)
        classes = _kept(cache, name, lambda X=X[chosen]: by_imagenet(enlarged(X)))
        found += [
            EmbeddingSet("other classes", f"{layer}: {name}", rows, y[chosen])
            for layer, rows in classes.items()
        ]
        found += _with_defects(cache, name, *_sound(X, y))
    found += _with_defects(cache, "textures", *texture_patches(N_SOUND + N_DAMAGED))
    return [*found, *_by_other_nets(data, cache), *_texts(cache)]


def _with_defects(cache: Path, name: str, images: NDArray, y: NDArray) -> list[EmbeddingSet]:
    """Of images in the order of their classes, the last of each class damaged."""
    place = np.arange(len(y)) % (N_SOUND + N_DAMAGED)
    broken = place >= N_SOUND

    def make() -> dict[str, NDArray]:
        shown = enlarged(images)
        shown[broken] = damaged(shown[broken], seed=1)
        return by_imagenet(shown)

    layers = _kept(cache, f"defects-{name}", make)
    return [
        EmbeddingSet("defects", f"{layer}: {name}", rows, y, broken)
        for layer, rows in layers.items()
    ]


def _by_other_nets(data: Path, cache: Path) -> list[EmbeddingSet]:
    """By networks that `table2.py` has trained."""
    digits, y = load_grey(data, "mnist", "t10k")
    photographs, classes = IMAGES["CIFAR-10"](data, cache)
    reads, genomes = _strange_reads(data)
    found = []
    for name, key, net, layer, rows, labels in (
        ("Fashion-MNIST net: MNIST", "fmnist", lenet, "hidden", with_channel(digits), y),
        (
            "Fashion-MNIST net: CIFAR-10 grey",
            "fmnist",
            lenet,
            "hidden",
            with_channel(as_grey(photographs)),
            classes,
        ),
        ("genome net: other genera", "genome", sequence_net, "penultimate", reads, genomes),
    ):
        chosen = _some(labels)

        def make(net=net, key=key, layer=layer, rows=rows[chosen]) -> dict[str, NDArray]:
            return {"X": by_table2_net(net(), f"{key}-0", layer, rows, cache)}

        made = _kept(cache, name.replace(" ", "-").replace(":", ""), make)
        found.append(EmbeddingSet("own networks", name, made["X"], labels[chosen]))
    return found


def _texts(cache: Path) -> list[EmbeddingSet]:
    texts, y = docstrings()
    chosen = _some(y)
    layers = _kept(cache, "texts", lambda: by_minilm([texts[i] for i in chosen], cache))
    return [
        EmbeddingSet("texts", f"MiniLM, {TEXT_KINDS[key]}: docstrings", rows, y[chosen])
        for key, rows in layers.items()
    ]


def _kept(cache: Path, name: str, make: Callable[[], dict[str, NDArray]]) -> dict[str, NDArray]:
    found = kept(cache / "embeddings" / f"{name}.npz", make)
    return {layer: rows.astype(np.float64) for layer, rows in found.items()}


def _some(y: NDArray) -> NDArray[np.intp]:
    """Positions of rows of each class: many of those that count as in-distribution."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            rng.permutation(np.flatnonzero(y == label))[: N_INSIDE if label in INSIDE else N_OTHER]
            for label in np.unique(y)
        ]
    )


def _sound(X: NDArray, y: NDArray) -> Images:
    """As many images of each class that counts as in-distribution, class by class."""
    rng = np.random.default_rng(1)
    chosen = [rng.permutation(np.flatnonzero(y == label)) for label in INSIDE]
    rows = np.concatenate([one[: N_SOUND + N_DAMAGED] for one in chosen])
    return X[rows], y[rows]


def _colour(name: str, labels: str, data: Path, cache: Path) -> Images:
    with np.load(data / labels) as file:
        y = file["labels"]
    return load_colour(data, name, "test", cache)[y != 0], y[y != 0]


def _framed(name: str, data: Path, cache: Path) -> Images:  # noqa: ARG001
    X, y = load_grey(data, name, "t10k")
    return as_colour(X), y


IMAGES: dict[str, Callable[[Path, Path], Images]] = {
    "CIFAR-10": lambda data, cache: _colour("cifar10", "cifar10/test.npz", data, cache),
    "SVHN": lambda data, cache: _colour("svhn", "svhn/test_first10000.npz", data, cache),
    "MNIST": lambda data, cache: _framed("mnist", data, cache),
    "Fashion-MNIST": lambda data, cache: _framed("fashion", data, cache),
}


def _strange_reads(data: Path) -> Images:
    """Reads of genera that the net was not trained on, and which of these, from 1 on."""
    with np.load(data / "genome" / "reads.npz") as file:
        genome = file["genome_id"]
        strange = ~file["in_distribution"][genome]
        _, y = np.unique(genome[strange], return_inverse=True)
        return np.eye(4, dtype=np.float32)[file["reads"][strange]], y + 1
