"""MNIST, Fashion-MNIST, CIFAR-10 and SVHN as arrays, and their common sizes."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

IDX = {"mnist": "mnist", "fashion": "fashion_mnist"}
JPEG = {
    ("cifar10", "train"): "cifar10/train.npz",
    ("cifar10", "test"): "cifar10/test.npz",
    ("svhn", "test"): "svhn/test_first10000.npz",
}


def kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of a file; a missing file is made first."""
    if not path.exists():
        arrays = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file gets its name once it is complete, since a run may stop at any time.
        unfinished = path.with_name(f"{path.stem}.{os.getpid()}.npz")
        np.savez(unfinished, **arrays)
        unfinished.replace(path)
    with np.load(path) as file:
        return dict(file)


def load_grey(data: Path, name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) of uint8 and labels of "mnist" or "fashion"; split "train" or "t10k"."""
    folder = data / IDX[name]
    images = _idx(folder / f"{split}-images-idx3-ubyte.gz")
    return images, _idx(folder / f"{split}-labels-idx1-ubyte.gz").astype(np.int64)


def load_colour(data: Path, name: str, split: str, cache: Path) -> np.ndarray:
    """Images (n, 32, 32, 3) of uint8 of "cifar10" or "svhn", in the order of the file."""
    source = data / JPEG[name, split]
    return kept(cache / f"{name}-{split}.npz", lambda: {"images": _decode(source)})["images"]


def as_grey(images: np.ndarray) -> np.ndarray:
    """Colour images as grey ones of 28 × 28."""
    grey = [Image.fromarray(image).convert("L") for image in images]
    return np.stack(
        [np.asarray(image.resize((28, 28), Image.Resampling.BILINEAR)) for image in grey]
    )


def as_colour(images: np.ndarray) -> np.ndarray:
    """Grey images of 28 × 28 as colour ones of 32 × 32, in a border of black."""
    framed = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return np.repeat(framed[..., np.newaxis], 3, axis=3)


def as_floats(images: np.ndarray) -> np.ndarray:
    """From 0 to 1 in float32; colours come first, (n, 3, height, width)."""
    values = images.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(np.moveaxis(values, 3, 1)) if images.ndim == 4 else values


def with_channel(images: np.ndarray) -> np.ndarray:
    """Grey images as a network takes them: from 0 to 1, (n, 1, height, width)."""
    return as_floats(images)[:, np.newaxis]


def _idx(path: Path) -> np.ndarray:
    """An array in the format of MNIST: type and number of dimensions, lengths, values."""
    content = gzip.decompress(path.read_bytes())
    n_dimensions = content[3]
    shape = np.frombuffer(content, ">i4", n_dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def _decode(path: Path) -> np.ndarray:
    with np.load(path) as file:
        data, offsets = file["data"].tobytes(), file["offsets"]
    files = (io.BytesIO(data[start:end]) for start, end in pairwise(offsets))
    return np.stack([np.asarray(Image.open(file)) for file in files])
