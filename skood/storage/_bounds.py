"""Bounds on what a saved file costs: memory and time in proportion to its size.

A stranger can make a file whose checksums are right. A few bytes of it could stand for gigabytes:
compressed members, headers of arrays, empty lists, and objects that the file holds once and names
many times.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np

from ._names import OLD_NAMES, STABLE_NAMES

# skood and skops write at least so many bytes for each list or dict, and for each comma.
_BYTES_FOR_BRACKET, _BYTES_FOR_COMMA, _SPARE = 32, 8, 10_000
_UNPACKED = 10  # times its size: a sparse matrix is a compressed file in the file
_NAME = re.compile(r"[\w.<>]{1,500}")
# The loaders of skops for classes of skood, and for those that a file may call with arguments.
_LOADERS, _CALLERS = ("ObjectNode", "TupleNode"), ("ConstructorFromReduceNode",)
_CALLED = re.compile(r"skood\..*\.(LastMask|StoredDict|StoredModule|StoredView)")
_OWN_NAMES = STABLE_NAMES | OLD_NAMES.keys()
_SEED_POOL = "4"  # NumPy's default. The time of a seed grows with the square.


def check_members(archive: ZipFile, size: int) -> None:
    """Raise unless the members are uncompressed, of different names, and fit into the file."""
    members = archive.infolist()
    if any(m.compress_type != ZIP_STORED or m.compress_size != m.file_size for m in members):
        raise ValueError("it has a compressed part")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its parts are larger than the file")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("it has two parts of one name")


def parsed(text: bytes, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """The content of a JSON text, unless it has more lists and items than files of skood have."""
    brackets = text.count(b"[") + text.count(b"{")
    if brackets > _SPARE + len(text) / _BYTES_FOR_BRACKET:
        raise ValueError(f"{brackets} lists in {len(text)} bytes are too many")
    if text.count(b",") > _SPARE + len(text) / _BYTES_FOR_COMMA:
        raise ValueError(f"{text.count(b',')} items in {len(text)} bytes are too many")
    return json.loads(text, object_hook=hook)


def check_estimator(content: bytes) -> None:
    """Raise unless skops can read an estimator in time and memory that grow with its size."""
    with ZipFile(io.BytesIO(content)) as archive:
        check_members(archive, len(content))
        schema = parsed(archive.read("schema.json"))
        _weigh(schema, {}, {})
        for member in archive.namelist():
            if member.endswith(".npz"):
                _check_unpacked(archive.read(member))
            elif member.endswith(".npy"):
                with archive.open(member) as file:
                    _check_array(file, archive.getinfo(member).file_size)


def _weigh(part: Any, weights: dict[Any, float], files: dict[str, Any]) -> int:
    """The number of objects in a part of the schema, after checks of each.

    skops reads the first description of an object alone, and a file could name one again and again
    in a few bytes. Files of skops describe it in full each time.
    """
    if isinstance(part, list):
        return sum([_weigh(item, weights, files) for item in part])
    if not isinstance(part, dict):
        return 0
    number: Any = part.get("__id__")
    loader: Any = part.get("__loader__")
    # The keys of a user's dict lead to objects; skops takes anything else with a number for one.
    is_object = isinstance(loader, str) or not isinstance(number, (dict, type(None)))
    is_known = number in weights
    if is_object:
        _check_object(part, number, loader, files)
        weights.setdefault(number, math.inf)  # it cannot hold itself
    weight = is_object + sum([_weigh(item, weights, files) for item in part.values()])
    if is_object and weights[number] != weight and is_known:
        raise ValueError(f"object {number} has two descriptions")
    if is_object:
        weights[number] = weight
    return weight


def _check_object(part: dict[str, Any], number: Any, loader: Any, files: dict[str, Any]) -> None:
    name = f"{part['__module__']}.{part['__class__']}"
    if not isinstance(number, int) or loader == "CachedNode":
        raise ValueError(f"an object of type {name} has no number")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of a type")
    allowed = _CALLERS if _CALLED.fullmatch(name) else _LOADERS
    if name in _OWN_NAMES and loader not in allowed:
        raise ValueError(f"{loader} does not build a {name}")
    if "file" in part and files.setdefault(part["file"], number) != number:
        raise ValueError(f"two objects have the content {part['file']!r}")
    if loader == "RandomGeneratorNode":
        pool = part["content"]["seed_seq"]["content"]["pool_size"]["content"]
        if pool != _SEED_POOL:
            raise ValueError(f"a random generator has a pool of {pool!r}")


def _check_array(file: Any, size: int) -> None:
    """Raise unless the header of an array states the number of bytes that follow it."""
    shape, _, dtype = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(file)](file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"an array of shape {shape} and type {dtype} is not of {size} bytes")


def _check_unpacked(content: bytes) -> None:
    with ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > _UNPACKED * len(content) + _SPARE:
            raise ValueError("a sparse matrix is too large when it is unpacked")
        for member in members:
            with archive.open(member) as file:
                _check_array(file, member.file_size)
