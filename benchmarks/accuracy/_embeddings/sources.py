"""Embeddings of images by EfficientNet-Lite0 and of texts by MiniLM, with their classes."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from _common.images import as_colour, kept, load_colour, load_grey
from _embedding_preset.nets import by_imagenet, enlarged
from _embedding_preset.texts import by_minilm

IMAGES_TRAIN, IMAGES_TEST, IMAGES_FAR = 500, 200, 1000  # the first two of each class
TEXTS = 600  # at most, of each class
# sections of Debian's archive, and of its manual
TOPICS = ("admin", "fonts", "games", "graphics", "java", "net", "perl", "science", "sound", "text")
SECTIONS = ("1", "2", "3", "5", "7", "8")
MANUALS, LICENCES = Path("/usr/share/man"), Path("/usr/share/common-licenses")
ALIKE = 30  # pages whose names begin with the same word
SHORTEST, LONGEST = 20, 600  # characters of a text
ROFF_MACRO = re.compile(r"^[.'](?:[BI]|[BIR]{2}|SB|SM|Nm|Nd|Xr|Fl|Ar|Pa)\s+(.*)")
ROFF_ESCAPE = re.compile(r"\\(?:f(?:\[\w*\]|\(\w\w|\w)|s[+-]?\d|[&/,|^%c])")

Source = tuple[NDArray[np.float64], NDArray]  # rows, and the number of the class of each


def source(name: str, data: Path, cache: Path) -> Source:
    """Embeddings of a source; the cache keeps them."""

    def make() -> dict[str, NDArray]:
        if name in _IMAGES:
            images, y = _IMAGES[name](data, cache)
            layers = by_imagenet(enlarged(images), ("lite0",))
            return {"X": layers["EfficientNet-Lite0, pooled"], "y": y}
        texts, y = _some(*_TEXTS[name]())
        return {"X": by_minilm(texts, cache)["MiniLM, mean"], "y": y}

    arrays = kept(cache / f"embeddings-{name}.npz", make)
    return arrays["X"].astype(np.float64), arrays["y"]


def _of_cifar10(split: str, n: int) -> Callable[[Path, Path], tuple[NDArray, NDArray]]:
    def load(data: Path, cache: Path) -> tuple[NDArray, NDArray]:
        with np.load(data / "cifar10" / f"{split}.npz") as file:
            y = file["labels"].astype(np.int64)
        chosen = np.concatenate([np.flatnonzero(y == label)[:n] for label in range(10)])
        return load_colour(data, "cifar10", split, cache)[chosen], y[chosen]

    return load


def _far(load: Callable[[Path, Path], NDArray]) -> Callable[[Path, Path], tuple[NDArray, NDArray]]:
    return lambda data, cache: (load(data, cache)[:IMAGES_FAR], np.zeros(IMAGES_FAR, dtype=int))


_IMAGES = {
    "cifar10-train": _of_cifar10("train", IMAGES_TRAIN),
    "cifar10-test": _of_cifar10("test", IMAGES_TEST),
    "svhn": _far(lambda data, cache: load_colour(data, "svhn", "test", cache)),
    "mnist": _far(lambda data, _: as_colour(load_grey(data, "mnist", "t10k")[0][:IMAGES_FAR])),
    "fashion": _far(lambda data, _: as_colour(load_grey(data, "fashion", "t10k")[0][:IMAGES_FAR])),
}


def _summaries() -> tuple[list[str], list[int]]:
    """The line that describes a package, and its topic."""
    command = ["apt-cache", "dumpavail"]
    packages = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    texts, labels = [], []
    for package in packages.split("\n\n"):
        fields = dict(re.findall(r"^(Section|Description): (.*)", package, re.MULTILINE))
        topic = fields.get("Section", "").rpartition("/")[2]
        if topic in TOPICS and "Description" in fields:
            texts.append(fields["Description"])
            labels.append(TOPICS.index(topic))
    return texts, labels


def _manual_pages() -> tuple[list[str], list[int]]:
    """The description in a manual page, and its section."""
    texts, labels = [], []
    for label, section in enumerate(SECTIONS):
        pages: dict[str, list[Path]] = {}
        for path in sorted((MANUALS / f"man{section}").glob("*.gz")):
            if not path.is_symlink():
                pages.setdefault(re.split(r"[-_.:]", path.name)[0], []).append(path)
        for path in (page for alike in pages.values() for page in alike[:ALIKE]):
            content = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
            texts.append(_description(content))
            labels.append(label)
    return texts, labels


def _description(page: str) -> str:
    """The section DESCRIPTION of a page of roff, without its commands."""
    parts = re.split(r"^\.S[Hh]\s+\"?DESCRIPTION\"?\s*$", page, maxsplit=1, flags=re.MULTILINE)
    body = re.split(r"^\.S[HhSs]\b", parts[-1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = (ROFF_MACRO.sub(r"\1", line) for line in body.splitlines())
    words = " ".join(line for line in lines if not line.startswith((".", "'"))).replace("\\-", "-")
    return ROFF_ESCAPE.sub("", words).replace('"', "") if len(parts) == 2 else ""


def _licences() -> tuple[list[str], list[int]]:
    """Paragraphs of licences."""
    paths = sorted(path for path in LICENCES.iterdir() if not path.is_symlink())
    texts = [text for path in paths for text in path.read_text("utf-8").split("\n\n")]
    return texts, [0] * len(texts)


_TEXTS = {"summaries": _summaries, "manual-pages": _manual_pages, "licences": _licences}


def _some(texts: list[str], labels: list[int]) -> tuple[list[str], NDArray]:
    """Texts of each class at random, cut; of texts that begin alike the first."""
    first: dict[str, tuple[str, int]] = {}
    for text, label in zip(texts, labels, strict=True):
        flat = " ".join(text.split())[:LONGEST]
        if len(flat) >= SHORTEST:
            first.setdefault(flat[:40].lower(), (flat, label))
    if not first:
        raise FileNotFoundError("no texts: they are Debian's, of apt-cache, manual pages, licences")
    flat_texts, y = list(first.values()), np.array([label for _, label in first.values()])
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(np.flatnonzero(y == label))[:TEXTS] for label in np.unique(y)]
    chosen = np.concatenate(shuffled)
    return [flat_texts[place][0] for place in chosen], y[chosen]
