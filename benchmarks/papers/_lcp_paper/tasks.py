"""The tasks of the experiment: in-distribution sets, each with out-of-distribution sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from _common.images import as_colour, as_floats, as_grey, load_colour, load_grey

TRAINING_SHARE = 0.7  # of the normal rows of the sets that have no split
GREY_EPOCHS, GREY_RATE = 30, 2e-3  # of 1e-3 and 2e-3 the lower validation loss
COLOUR_EPOCHS, COLOUR_RATE = 20, 1e-3
TABLE_EPOCHS = 200


@dataclass(frozen=True)
class Sets:
    """Training rows or images, new in-distribution ones, and out-of-distribution ones by name."""

    train: np.ndarray
    test: np.ndarray
    ood: dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """An in-distribution set, and how its autoencoder is built and trained."""

    name: str
    ood: tuple[str, ...]
    load: Callable[[Path, Path, int], Sets]  # from the data, the cache and the seed
    epochs: int
    learning_rate: float = 1e-3
    batch_size: int = 128


def all_tasks() -> list[Task]:
    grey = (GREY_EPOCHS, GREY_RATE)
    tasks = [
        Task(
            "MNIST", ("CIFAR-10 grey", "Fashion-MNIST"), partial(_grey, "mnist", "fashion"), *grey
        ),
        Task(
            "Fashion-MNIST", ("MNIST", "CIFAR-10 grey"), partial(_grey, "fashion", "mnist"), *grey
        ),
        Task("CIFAR-10", ("SVHN", "MNIST in colour"), _colour, COLOUR_EPOCHS, COLOUR_RATE),
    ]
    tables = {
        "12_fault": ("Classical/12_fault", "faults"),
        "MVTec grid, ResNet18": ("CV_by_ResNet18/MVTec-AD_grid", "defects"),
        "MVTec screw, ViT": ("CV_by_ViT/MVTec-AD_screw", "defects"),
    }
    for name, (path, strange) in tables.items():
        load = partial(_table, path, strange)
        tasks.append(Task(name, (strange,), load, epochs=TABLE_EPOCHS, batch_size=32))
    return tasks


def grey_test_sets(data: Path, cache: Path, other: str) -> dict[str, np.ndarray]:
    """The out-of-distribution sets of MNIST or Fashion-MNIST: the other one, and CIFAR-10."""
    names = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}
    return {
        names[other]: as_floats(load_grey(data, other, "t10k")[0]),
        "CIFAR-10 grey": as_floats(as_grey(load_colour(data, "cifar10", "test", cache))),
    }


def _grey(name: str, other: str, data: Path, cache: Path, seed: int) -> Sets:  # noqa: ARG001
    train, test = (as_floats(load_grey(data, name, split)[0]) for split in ("train", "t10k"))
    return Sets(train, test, grey_test_sets(data, cache, other))


def _colour(data: Path, cache: Path, seed: int) -> Sets:  # noqa: ARG001
    train, test = (load_colour(data, "cifar10", split, cache) for split in ("train", "test"))
    digits = as_colour(load_grey(data, "mnist", "t10k")[0])
    strange = {"SVHN": load_colour(data, "svhn", "test", cache), "MNIST in colour": digits}
    ood = {name: as_floats(images) for name, images in strange.items()}
    return Sets(as_floats(train), as_floats(test), ood)


def _table(path: str, strange: str, data: Path, cache: Path, seed: int) -> Sets:  # noqa: ARG001
    """A random split of the normal rows. The autoencoder scales the columns by itself."""
    with np.load(data / "adbench" / f"{path}.npz") as file:
        X, y = file["X"].astype(np.float32), file["y"]
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    n_train = int(TRAINING_SHARE * len(normal))
    return Sets(X[normal[:n_train]], X[normal[n_train:]], {strange: X[y == 1]})
