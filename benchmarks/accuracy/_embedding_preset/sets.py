"""Embeddings for the choice of the preset; none of them is a set of ADBench.

No network was trained on the class that counts as in-distribution. Strange are rows of the other
classes, or images of the same class with a defect. Class 0 of CIFAR-10 and of SVHN is left out,
because ADBench has sets of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from _common.images import as_colour, as_grey, kept, load_colour, load_grey, with_channel
from _common.table2_nets import lenet, sequence_net
from _embedding_preset.defects import damaged, texture_patches
from _embedding_preset.nets import by_imagenet, by_table2_net, enlarged
from _embedding_preset.texts import by_minilm, docstrings, strange_texts

INSIDE = (2, 5, 8)  # classes that count as in-distribution, one after the other
TOPICS = ((1, 2, 5, 6, 7, 8), (2, 3, 4, 5, 8, 9))  # libraries that are known together
STRANGE = 100  # the label of texts of no library
N_INSIDE, N_OTHER = 760, 45  # rows of each of these, and of each other class
N_SOUND, N_DAMAGED = 300, 120  # images of each class that has defects
OWN_NETS = {"fmnist": lenet, "genome": sequence_net}  # as table2.py calls them
Images = tuple[NDArray, NDArray]
Embedded = tuple[dict[str, NDArray], NDArray]  # rows by layer, and their classes


@dataclass(frozen=True)
class EmbeddingSet:
    """Embeddings and their classes."""

    family: str
    name: str
    X: NDArray[np.float64]
    y: NDArray
    damaged: NDArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    known: tuple[tuple[int, ...], ...] = tuple((label,) for label in INSIDE)

    def tasks(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows of a class or of several, and the rows that are strange to them."""
        if self.damaged.any():
            for label in np.unique(self.y):
                of_class = self.y == label
                yield (
                    np.flatnonzero(of_class & ~self.damaged),
                    np.flatnonzero(of_class & self.damaged),
                )
        else:
            nearer = self.y < STRANGE
            for labels in self.known:
                inside = np.isin(self.y, labels)
                yield np.flatnonzero(inside), np.flatnonzero(~inside & (nearer == nearer.all()))


def embedding_sets(data: Path, cache: Path, only: Collection[str]) -> list[EmbeddingSet]:
    """The sets of these sources, or of all if there are none; the cache keeps the embeddings."""
    sets: list[EmbeddingSet] = []
    wanted = set(only or SOURCES)
    for name, load in IMAGES.items():
        if name not in wanted:
            continue
        X, y = load(data, cache)
        sets += _with_other_classes(cache, name, X, y)
        sets += _with_defects(cache, name, lambda X=X, y=y: _sound(X, y))
    if "textures" in wanted:
        sets += _with_defects(cache, "textures", lambda: texture_patches(N_SOUND + N_DAMAGED))
    if "Fashion-MNIST net" in wanted:
        sets += _by_fashion_net(data, cache)
    if "genome net" in wanted:
        reads = _strange_reads(data)
        name = "genome net: other genera"
        sets.append(_by_net(cache, name, "genome", "penultimate", *reads))
    return [*sets, *(_texts(cache) if "texts" in wanted else ())]


def _with_other_classes(cache: Path, name: str, X: NDArray, y: NDArray) -> list[EmbeddingSet]:
    chosen = _some(y)
    layers, y = _kept(cache, name, lambda: (by_imagenet(enlarged(X[chosen])), y[chosen]))
    return [
        EmbeddingSet("other classes", f"{layer}: {name}", rows, y) for layer, rows in layers.items()
    ]


def _with_defects(cache: Path, name: str, load: Callable[[], Images]) -> list[EmbeddingSet]:
    """Sets of images in the order of their classes, with damage to the last of each class."""

    def make() -> Embedded:
        images, y = load()
        shown, broken = enlarged(images), _broken(y)
        shown[broken] = damaged(shown[broken], seed=1)
        return by_imagenet(shown), y

    layers, y = _kept(cache, f"defects-{name}", make)
    return [
        EmbeddingSet("defects", f"{layer}: {name}", rows, y, _broken(y))
        for layer, rows in layers.items()
    ]


def _broken(y: NDArray) -> NDArray[np.bool_]:
    return np.arange(len(y)) % (N_SOUND + N_DAMAGED) >= N_SOUND


def _by_fashion_net(data: Path, cache: Path) -> list[EmbeddingSet]:
    digits, y = load_grey(data, "mnist", "t10k")
    photographs, classes = IMAGES["CIFAR-10"](data, cache)
    grey = with_channel(as_grey(photographs))
    return [
        _by_net(cache, "Fashion-MNIST net: MNIST", "fmnist", "hidden", with_channel(digits), y),
        _by_net(cache, "Fashion-MNIST net: CIFAR-10 grey", "fmnist", "hidden", grey, classes),
    ]


def _by_net(cache: Path, name: str, net: str, layer: str, X: NDArray, y: NDArray) -> EmbeddingSet:
    """By a network that `table2.py` has trained."""
    chosen = _some(y)

    def make() -> Embedded:
        rows = by_table2_net(OWN_NETS[net](), f"{net}-0", layer, X[chosen], cache)
        return {layer: rows}, y[chosen]

    layers, labels = _kept(cache, name.replace(" ", "-").replace(":", ""), make)
    return EmbeddingSet("own networks", name, layers[layer], labels)


def _texts(cache: Path) -> list[EmbeddingSet]:
    def make() -> Embedded:
        texts, y = docstrings()
        chosen = _some(y)
        return by_minilm([texts[i] for i in chosen], cache), y[chosen]

    def make_strange() -> Embedded:
        texts, kinds = strange_texts()
        return by_minilm(texts, cache), STRANGE + kinds

    layers, y = _kept(cache, "texts", make)
    strange, kinds = _kept(cache, "strange-texts", make_strange)
    sets = []
    for layer, rows in layers.items():
        name, together = f"{layer}: docstrings", np.r_[y, kinds]
        sets.append(EmbeddingSet("texts", name, rows, y))
        sets.append(EmbeddingSet("texts, topics together", name, rows, y, known=TOPICS))
        both = np.vstack([rows, strange[layer]])
        sets.append(EmbeddingSet("strange texts", name, both, together, known=TOPICS))
    return sets


def _kept(cache: Path, name: str, make: Callable[[], Embedded]) -> Embedded:
    """Embeddings by layer, and their classes, which depend on the versions of the libraries."""

    def arrays() -> dict[str, NDArray]:
        layers, y = make()
        return {**layers, "y": y}

    layers = kept(cache / "embeddings" / f"{name}.npz", arrays)
    y = layers.pop("y")
    return {layer: rows.astype(np.float64) for layer, rows in layers.items()}, y


def _some(y: NDArray) -> NDArray[np.intp]:
    """Positions of rows of each class, more of the in-distribution classes."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            rng.permutation(np.flatnonzero(y == label))[: N_INSIDE if label in INSIDE else N_OTHER]
            for label in np.unique(y)
        ]
    )


def _sound(X: NDArray, y: NDArray) -> Images:
    """The same number of images of each in-distribution class, class by class."""
    rng = np.random.default_rng(1)
    shuffled = [rng.permutation(np.flatnonzero(y == label)) for label in INSIDE]
    rows = np.concatenate([places[: N_SOUND + N_DAMAGED] for places in shuffled])
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


SOURCES = (*IMAGES, "textures", "Fashion-MNIST net", "genome net", "texts")


def _strange_reads(data: Path) -> Images:
    """Reads of genera that the net was not trained on, and the number of the genus, from 1 on."""
    with np.load(data / "genome" / "reads.npz") as file:
        genome = file["genome_id"]
        strange = ~file["in_distribution"][genome]
        _, y = np.unique(genome[strange], return_inverse=True)
        return np.eye(4, dtype=np.float32)[file["reads"][strange]], y + 1
