"""Odd options and descriptions of columns, with a good file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .bad_tables import _cut, _flipped

TOML = """[id]
kind = "id"

[length]
kind = "number"
low = 0.0
high = 30.0

[width]
kind = "number"
decimal = "."

[count]
kind = "number"

[colour]
kind = "category"
categories = ["red", "green", "blue"]

[ok]
kind = "boolean"
"""
_KINDS = ("number", "category", "boolean", "date", "id", "excluded")
_FIELDS = (*_KINDS, "decimal", "low", "high", "categories", "na", "format", "parts", "unit")
_FIELDS += ("thousands", "name", "missing", "reason", "spelled", "zoned", "nothing", "kind")
_VALUES = [
    *_KINDS,
    0,
    -1,
    1.5,
    True,
    None,
    "",
    "x",
    "\x1b[2J",
    [],
    [1],
    ["red"],
    ["red", "red"],
    {},
    {"a": 1},
    [[]],
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    ".",
    ",",
    " ",
    "%Y",
    "%Y-%m-%d",
    "%Q%",
    "%",
    ["hour"],
    ["age", "month"],
    "x" * 100_000,
    "cm",
    "?",
    ["?", "red"],
]
_COLUMNS = ("id", "length", "width", "count", "colour", "ok", "nothing", "", "\n")
TEXTS = {
    "right.toml": TOML.encode(),
    "mark.toml": b"\xef\xbb\xbf" + TOML.encode(),
    "lines.toml": TOML.replace("\n", "\r\n").encode(),
    "part.toml": b'[length]\nkind = "number"\n',
    "words.json": b'{"id": "id", "length": "number", "ok": "boolean"}',
    "empty.toml": b"",
    "empty.json": b"",
    "nothing.json": b"{}",
    "list.json": b"[1, 2]",
    "number.json": b"7",
    "twice.toml": b'[length]\nkind = "number"\n[length]\nkind = "number"\n',
    "twice.json": b'{"length": "number", "length": "id"}',
    "twice inside.json": b'{"length": {"kind": "number", "kind": "id"}}',
    "deep.json": b"[" * 100_000,
    "deep.toml": b"a = " + b"[" * 100_000,
    "dots.toml": b".".join([b"a"] * 20_000) + b" = 1",
    "digits.json": b'{"length": {"kind": "number", "low": ' + b"1" * 5000 + b"}}",
    "digits.toml": b'[length]\nkind = "number"\nlow = ' + b"1" * 5000,
    "dates.toml": b'[length]\nkind = "number"\nlow = 2024-01-01\n',
    "an id of two.json": b'{"id": "id", "length": "id"}',
    "all excluded.json": json.dumps(
        dict.fromkeys(["id", "length", "width", "count", "colour", "ok"], "excluded")
    ).encode(),
    "text as number.json": b'{"colour": "number"}',
    "number as truth.json": b'{"length": "boolean"}',
    "number as date.json": b'{"length": "date", "id": "id"}',
    "number as category.json": b'{"length": "category", "id": "id"}',
    "narrow.json": b'{"id": "id", "length": {"kind": "number", "low": 9, "high": 10}}',
    "few colours.json": b'{"id": "id", "colour": {"kind": "category", "categories": ["red"]}}',
    "other colours.json": b'{"id": "id", "colour": {"kind": "category", "categories": ["x"]}}',
    "na of colours.json": b'{"id": "id", "colour": {"kind": "category", "na": ["red"]}}',
    "utf-16.toml": TOML.encode("utf-16"),
    "bytes.json": b'{"l\xff": "number"}',
    "surrogates.json": b'{"\\ud800": "number"}',
    "no ending": TOML.encode(),
    "right.yaml": TOML.encode(),
    "toml.json": TOML.encode(),
    "nan.json": b'{"length": {"kind": "number", "low": NaN}}',
}


def schema(folder: Path, random: np.random.Generator) -> tuple[str, Path]:
    """Write a description of columns, and say what is odd with it."""
    how = int(random.integers(3))
    if how == 0:
        kind = str(random.choice(list(TEXTS)))
        name, content = f"s-{kind}", TEXTS[kind]
    elif how == 1:
        name = "s.toml"
        content = (_cut, _flipped)[random.integers(2)](TOML.encode(), random)
        kind = "damaged"
    else:
        name, about = "s.json", {}
        for _ in range(random.integers(1, 4)):
            column = _COLUMNS[random.integers(len(_COLUMNS))]
            fields = {"kind": _KINDS[random.integers(len(_KINDS))]}
            for _ in range(random.integers(3)):
                field = _FIELDS[random.integers(len(_FIELDS))]
                fields[field] = _VALUES[random.integers(len(_VALUES))]
            odd = _VALUES[random.integers(len(_VALUES))]
            about[column] = fields if random.integers(5) else odd
        content, kind = json.dumps({"id": "id", **about}).encode(), f"{about!r:.300}"
    path = folder / name
    path.write_bytes(content)
    return f"schema {kind}", path


_PARAMETERS = ("n_neighbors", "aggregation", "algorithm", "n_jobs", "contamination", "metric")
_PARAMETERS += ("random_state", "alpha", "perplexity", "detector", "steps", "memory", "nothing")
_PARAMETERS += (
    "tablescaler__missing",
    "tablescaler__schema",
    "tablescaler",
    "trim",
    "calibration_size",
)
_SET = ("30", "-1", "0", "1.5", "None", "foo", "", "[]", "{}", "1e400", "10**30", "9" * 400, "nan")
_SET += (
    "'mean'",
    "mean",
    "True",
    "b'x'",
    "(1, 2)",
    "[" * 300,
    "1j",
    "\x1b[2J",
    "=",
    "{1: 2}",
    "...",
)
_WORDS = (
    "",
    "x",
    "id",
    "length",
    "nothing",
    "\x1b[2J",
    "-1",
    "é",
    "a b",
    "0",
    "1e9",
    "none",
    "NaN",
)
_SWITCHES = {
    "--dates": ("exclude", "parts", "x", ""),
    "--format": ("csv", "tsv", "jsonl", "parquet", "arrow", "npy", "npz", "x"),
    "--missing": ("refuse", "median", "mean", "most_frequent", "expected", "x"),
    "--scale": ("auto", "standard", "none", ""),
    "--decimal": (".", ",", "x"),
    "--thousands": (".", ",", " ", "'", "x"),
    "--delimiter": (",", ";", "tab", "xx", "", '"', "\n", "1", "."),
    "--encoding": ("utf-8", "utf-16", "latin-1", "hex", "idna", "x", "utf-7", "punycode", "\0"),
    "--na": _WORDS,
    "--exclude": _WORDS,
    "--categorical": _WORDS,
    "--feature": _WORDS,
    "--id-column": _WORDS,
    "--array": _WORDS,
    "--trust": _WORDS,
    "--rows": _WORDS,
    "--max-categories": ("0", "1", "2", "10000", "x", "-1"),
    "--alpha": ("0.1", "0", "1", "none", "nan", "1e-300", "x", "0.0001"),
    "--calibration-size": ("0.1", "0.9999", "0", "x", "1e-9"),
    "--seed": ("0", "-1", "4294967296", "x", "1.5"),
    "--block-rows": ("1", "7", "0", "x", "9" * 30),
    "--explain": ("0", "1", "99", "-1", "x", "9" * 30),
    "--detector": ("tabular", "auto", "embedding", "lcp", "knn", "lof", "kd", "md", "x"),
    "--features": _WORDS,
}
_FLAGS = ("--ignore-extra", "--no-header", "--robust", "--fail-on-ood", "--escape-formulas")


def options(random: np.random.Generator) -> list[str]:
    """Options of any values."""
    chosen: list[str] = []
    for _ in range(random.integers(1, 4)):
        how = int(random.integers(4))
        if how == 0:
            name = _PARAMETERS[random.integers(len(_PARAMETERS))]
            chosen += ["--set", f"{name}={_SET[random.integers(len(_SET))]}"]
        elif how == 1:
            chosen.append(_FLAGS[random.integers(len(_FLAGS))])
        else:
            name = list(_SWITCHES)[random.integers(len(_SWITCHES))]
            chosen += [name, _SWITCHES[name][random.integers(len(_SWITCHES[name]))]]
    return chosen
