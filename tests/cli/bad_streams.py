"""Odd JSON lines and compressed files of the same rows; see `bad_tables`.

`SURE` marks files that must be answered, with the same scores.
"""

# ruff: noqa: ARG005 - the functions of a table have one signature
from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from .bad_tables import NOTHING, ROWS, VALUES, _cut, _flipped

SURE = "sure"
Rows = list[dict[str, Any]]
Make = Callable[[pd.DataFrame, np.random.Generator], bytes]
# the rows that are kept, the name of the file, and its content
Kinds = dict[str, tuple[str, str, Make]]


def records(frame: pd.DataFrame) -> Rows:
    """The rows as JSON has them."""
    return frame.to_dict("records")


def _lines(rows: Rows, **options: Any) -> bytes:
    return "".join(f"{json.dumps(row, **options)}\n" for row in rows).encode()


def _plain(frame: pd.DataFrame, _: np.random.Generator) -> bytes:
    return _lines(records(frame))


def _bytes(change: Callable[[bytes, np.random.Generator], bytes]) -> Make:
    return lambda frame, random: change(_plain(frame, random), random)


def _each(change: Callable[[dict[str, Any], int], dict[str, Any]]) -> Make:
    return lambda frame, _: _lines([change(row, i) for i, row in enumerate(records(frame))])


def _value(column: str, change: Callable[[Any], Any]) -> Make:
    """Another value in a column, of all rows."""
    return _each(lambda row, _: {**row, column: change(row[column])})


def _one(column: str, text: str) -> Make:
    """Another text of JSON in one row."""

    def make(frame: pd.DataFrame, random: np.random.Generator) -> bytes:
        rows, place = records(frame), int(random.integers(len(frame)))
        rows[place][column] = "\0HERE"
        return _lines(rows).replace(b'"\\u0000HERE"', text.encode("utf-8", "surrogatepass"))

    return make


def _line(line: bytes) -> Make:
    """One line more, somewhere."""

    def change(content: bytes, random: np.random.Generator) -> bytes:
        lines = content.splitlines(keepends=True)
        lines.insert(int(random.integers(len(lines))), line + b"\n")
        return b"".join(lines)

    return _bytes(change)


def _shuffled(row: dict[str, Any], i: int) -> dict[str, Any]:
    names = np.random.default_rng(i).permutation(list(row))
    return {str(name): row[name] for name in names}


def _mixed(row: dict[str, Any], i: int) -> dict[str, Any]:
    return {**row, "count": row["count"] * (1, 1.0)[i % 2]}


J = "new.jsonl"
JSON: Kinds = {
    "plain": (SURE, J, _plain),
    "ndjson": (SURE, "new.ndjson", _plain),
    "mark of utf-8": (SURE, J, _bytes(lambda c, _: b"\xef\xbb\xbf" + c)),
    "carriage returns": (SURE, J, _bytes(lambda c, _: c.replace(b"\n", b"\r\n"))),
    "blank lines": (SURE, J, _bytes(lambda c, _: b"\n \n" + c.replace(b"\n", b"\n\n"))),
    "no line at the end": (SURE, J, _bytes(lambda c, _: c.rstrip(b"\n"))),
    "spaces": (SURE, J, _bytes(lambda c, _: c.replace(b'": ', b'"\t :  '))),
    "other order": (SURE, J, _each(_shuffled)),
    "escapes": (SURE, J, lambda f, _: _plain(f, _).replace(b'"red"', b'"\\u0072\\u0065d"')),
    "text of numbers": (VALUES, J, _value("length", repr)),
    "text of truth": (VALUES, J, _value("ok", str)),
    "truth as 0 and 1": (VALUES, J, _value("ok", int)),
    "truth of numpy": (VALUES, J, _bytes(lambda c, _: c.replace(b"true", b"True"))),
    "whole numbers as floats": (VALUES, J, _value("count", float)),
    "counts of two types": (VALUES, J, _each(_mixed)),
    "ids of two types": (ROWS, J, _each(lambda r, i: r | {"id": i} if i % 2 else r)),
    "ids that are numbers": (ROWS, J, _each(lambda r, i: r | {"id": 2**62 + i})),
    "id null": (ROWS, J, _value("id", lambda v: None)),
    "exponents": (VALUES, J, _one("count", "1e1")),
    "NaN": (ROWS, J, _one("width", "NaN")),
    "Infinity": (ROWS, J, _one("width", "-Infinity")),
    "text NaN": (ROWS, J, _one("width", '"NaN"')),
    "null": (ROWS, J, _one("width", "null")),
    "a null colour": (ROWS, J, _one("colour", "null")),
    "a column of nulls": (ROWS, J, _value("width", lambda v: None)),
    "empty text": (ROWS, J, _one("width", '""')),
    "too large": (ROWS, J, _one("width", "1e400")),
    "large": (ROWS, J, _one("width", "1e200")),
    "beyond 2**63": (ROWS, J, _one("count", str(2**63 + 1))),
    "beyond 2**64": (ROWS, J, _one("count", str(2**64 + 1))),
    "all beyond 2**64": (ROWS, J, _value("count", lambda v: 2**65 + v)),
    "beyond 2**53": (ROWS, J, _one("count", str(2**53 + 1))),
    "many digits": (ROWS, J, _one("count", "1" * 5000)),
    "minus zero": (ROWS, J, _one("count", "-0")),
    "leading zeros": (ROWS, J, _one("count", "007")),
    "plus": (ROWS, J, _one("count", "+1")),
    "hexadecimal": (ROWS, J, _one("count", "0x1F")),
    "an object": (ROWS, J, _one("width", '{"x": 1}')),
    "objects": (ROWS, J, _value("width", lambda v: {"x": v})),
    "a list": (ROWS, J, _one("width", "[1, 2]")),
    "lists": (ROWS, J, _value("width", lambda v: [v, v])),
    "empty lists": (ROWS, J, _value("width", lambda v: [])),
    "deep": (ROWS, J, _one("width", "[" * 3000 + "]" * 3000)),
    "text then number": (ROWS, J, _one("colour", "7")),
    "truth then text": (ROWS, J, _one("ok", '"maybe"')),
    "surrogates": (ROWS, J, _one("colour", '"\\ud800"')),
    "raw surrogates": (ROWS, J, _one("colour", '"\ud800"')),
    "a zero in text": (ROWS, J, _one("colour", '"a\\u0000b"')),
    "raw controls": (ROWS, J, _one("colour", '"a\tb\x01"')),
    "escapes of terminals": (ROWS, J, _one("colour", '"\\u001b[2J\\u202e"')),
    "a long text": (ROWS, J, _one("colour", '"' + "x" * 2_000_000 + '"')),
    "dates": (ROWS, J, _each(lambda r, i: r | {"when": f"2024-01-{i % 28 + 1:02d}T00:00:00Z"})),
    "a date and a text": (ROWS, J, _each(lambda r, i: r | {"when": "2024-01-01" if i else "x"})),
    "a key twice": (NOTHING, J, _one("width", '1, "length": 2')),
    "an equal key twice": (NOTHING, J, _one("width", '1, "width": 1')),
    "an empty key": (ROWS, J, _each(lambda r, _: r | {"": 1})),
    "a key of controls": (ROWS, J, _each(lambda r, _: r | {"\x1b[2J\n": 1})),
    "a key with a point": (ROWS, J, _each(lambda r, _: r | {"a.b": 1.5, "a": {"b": 2}})),
    "keys with spaces": (ROWS, J, _each(lambda r, _: {f" {k} ": v for k, v in r.items()})),
    "a key less in a row": (ROWS, J, _each(lambda r, i: r if i != 7 else {"id": r["id"]})),
    "a key more in a row": (ROWS, J, _each(lambda r, i: r if i != 7 else r | {"new": 1})),
    "no keys": (ROWS, J, _each(lambda r, i: {})),
    "an empty object": (NOTHING, J, _line(b"{}")),
    "many keys": (ROWS, J, _each(lambda r, i: r | {f"x{j}": 1 for j in range(2000)})),
    "keys of each row": (ROWS, J, _each(lambda r, i: r | {f"x{i}": 1})),
    "an array as a line": (NOTHING, J, _line(b"[1, 2]")),
    "a number as a line": (NOTHING, J, _line(b"7")),
    "null as a line": (NOTHING, J, _line(b"null")),
    "a comment": (NOTHING, J, _line(b"// hello")),
    "two objects in a line": (NOTHING, J, _bytes(lambda c, _: c.replace(b"\n", b" ", 1))),
    "objects without lines": (NOTHING, J, _bytes(lambda c, _: c.replace(b"\n", b""))),
    "an object over lines": (NOTHING, J, lambda f, _: _lines(records(f), indent=1)),
    "an array": (NOTHING, J, lambda f, _: json.dumps(records(f)).encode()),
    "an array over lines": (NOTHING, J, lambda f, _: json.dumps(records(f), indent=1).encode()),
    "commas": (NOTHING, J, _bytes(lambda c, _: c.replace(b"}\n", b"},\n"))),
    "trailing commas": (NOTHING, J, _bytes(lambda c, _: c.replace(b"}", b",}"))),
    "single quotes": (NOTHING, J, _bytes(lambda c, _: c.replace(b'"', b"'"))),
    "columns": (NOTHING, J, lambda f, _: f.to_json().encode()),
    "marks of records": (NOTHING, J, _bytes(lambda c, _: b"\x1e" + c.replace(b"\n", b"\n\x1e"))),
    "utf-16": (NOTHING, J, _bytes(lambda c, _: c.decode().encode("utf-16"))),
    "latin-1": (ROWS, J, _bytes(lambda c, _: c.replace(b"red", b"r\xe9d"))),
    "a mark in the middle": (NOTHING, J, _bytes(lambda c, _: c + b"\xef\xbb\xbf" + c)),
    "cut": (NOTHING, J, _bytes(_cut)),
    "changed bytes": (NOTHING, J, _bytes(_flipped)),
    "zeros": (NOTHING, J, _bytes(lambda c, _: c + bytes(1000))),
    "CSV": (NOTHING, J, lambda f, _: _csv(f)),
    "Parquet": (NOTHING, J, lambda f, _: _parquet(f)),
    "empty": (NOTHING, J, lambda f, _: b""),
    "packed": (SURE, "new.jsonl.gz", _bytes(lambda c, _: gzip.compress(c))),
    "packed, otherwise": (SURE, "new.jsonl.zst", _bytes(lambda c, _: _zstd(c))),
}  # fmt: skip


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet(index=False)


def _zstd(content: bytes) -> bytes:
    import pyarrow as pa

    return pa.compress(content, codec="zstd", asbytes=True)


def _gz(change: Callable[[bytes, np.random.Generator], bytes]) -> Make:
    return lambda frame, random: change(gzip.compress(_csv(frame)), random)


def _zst(change: Callable[[bytes, np.random.Generator], bytes]) -> Make:
    return lambda frame, random: change(_zstd(_csv(frame)), random)


def _parts(content: bytes, random: np.random.Generator, n: int = 3) -> list[bytes]:
    places = [0, *sorted(random.integers(len(content), size=n - 1).tolist()), len(content)]
    return [content[a:b] for a, b in pairwise(places)]


def _members(pack: Callable[[bytes], bytes]) -> Make:
    return lambda frame, random: b"".join(map(pack, _parts(_csv(frame), random)))


def _each_line(pack: Callable[[bytes], bytes]) -> Make:
    return lambda frame, _: b"".join(map(pack, _csv(frame).splitlines(keepends=True)))


def _second_cut(pack: Callable[[bytes], bytes]) -> Make:
    def make(frame: pd.DataFrame, random: np.random.Generator) -> bytes:
        first, second = _parts(_csv(frame), random, 2)
        return pack(first) + _cut(pack(second), random)

    return make


def _changed_end(content: bytes, random: np.random.Generator) -> bytes:
    """Another checksum or length of the content."""
    place = -1 - int(random.integers(8))
    changed = bytearray(content)
    changed[place] ^= 255
    return bytes(changed)


def _named(content: bytes) -> bytes:
    """A member with its optional fields: an extra, a name, a comment."""
    return content[:3] + b"\x1c" + content[4:10] + b"\x03\x00abcnew.csv\0a comment\0" + content[10:]


def _zipped(frame: pd.DataFrame) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("new.csv", _csv(frame))
    return target.getvalue()


SKIPPED = struct.pack("<II", 0x184D2A50, 5) + b"hello"
G, Z = "new.csv.gz", "new.csv.zst"
PACKED: Kinds = {
    "gzip": (SURE, G, _gz(lambda c, _: c)),
    "members": (SURE, G, _members(gzip.compress)),
    "a member for each line": (SURE, G, _each_line(gzip.compress)),
    "an empty member": (SURE, G, _gz(lambda c, _: gzip.compress(b"") + c + gzip.compress(b""))),
    "stored": (SURE, G, lambda f, _: gzip.compress(_csv(f), 0)),
    "a name in the member": (SURE, G, _gz(lambda c, _: _named(c))),
    "capitals": (SURE, "NEW.CSV.GZ", _gz(lambda c, _: c)),
    "zeros behind": (VALUES, G, _gz(lambda c, _: c + bytes(1024))),
    "bytes behind": (NOTHING, G, _gz(lambda c, r: c + r.bytes(30))),
    "cut": (NOTHING, G, _gz(_cut)),
    "cut by little": (NOTHING, G, _gz(lambda c, r: c[: -1 - int(r.integers(12))])),
    "second member cut": (NOTHING, G, _second_cut(gzip.compress)),
    "checksum": (NOTHING, G, _gz(_changed_end)),
    "changed bytes": (NOTHING, G, _gz(_flipped)),
    "twice packed": (NOTHING, G, _gz(lambda c, _: gzip.compress(c))),
    "plain": (VALUES, G, lambda f, _: _csv(f)),
    "empty": (NOTHING, G, lambda f, _: b""),
    "nothing packed": (NOTHING, G, lambda f, _: gzip.compress(b"")),
    "zstd as gz": (VALUES, G, _zst(lambda c, _: c)),
    "a bomb": (NOTHING, G, lambda f, _: gzip.compress(bytes(1 << 27))),
    "a bomb of rows": (NOTHING, G, lambda f, _: gzip.compress(_csv(f) + b"\n" * (1 << 27))),
    "Parquet in gz": (NOTHING, "new.parquet.gz", lambda f, _: gzip.compress(_parquet(f))),
    "Parquet named gz": (NOTHING, G, lambda f, _: _parquet(f)),
    "utf-16": (VALUES, G, lambda f, _: gzip.compress(f.to_csv(index=False).encode("utf-16"))),
    "zstd": (SURE, Z, _zst(lambda c, _: c)),
    "frames": (SURE, Z, _members(_zstd)),
    "a frame for each line": (SURE, Z, _each_line(_zstd)),
    "a skipped frame first": (SURE, Z, _zst(lambda c, _: SKIPPED + c)),
    "a skipped frame last": (SURE, Z, _zst(lambda c, _: c + SKIPPED)),
    "cut zstd": (NOTHING, Z, _zst(_cut)),
    "zstd cut by little": (NOTHING, Z, _zst(lambda c, r: c[: -1 - int(r.integers(12))])),
    "second frame cut": (NOTHING, Z, _second_cut(_zstd)),
    "changed zstd": (NOTHING, Z, _zst(_flipped)),
    "bytes behind zstd": (NOTHING, Z, _zst(lambda c, r: c + r.bytes(30))),
    "gzip as zst": (VALUES, Z, _gz(lambda c, _: c)),
    "bzip2": (NOTHING, "new.csv.bz2", lambda f, _: bz2.compress(_csv(f))),
    "bzip2 as gz": (NOTHING, G, lambda f, _: bz2.compress(_csv(f))),
    "xz as CSV": (NOTHING, "new.csv", lambda f, _: lzma.compress(_csv(f))),
    "zip as CSV": (NOTHING, "new.csv", lambda f, _: _zipped(f)),
    "gzip as CSV": (VALUES, "new.csv", _gz(lambda c, _: c)),
    "only gz": (NOTHING, "new.gz", _gz(lambda c, _: c)),
}  # fmt: skip
