"""Odd files of Parquet and NumPy of the same rows; see `bad_tables`."""

# ruff: noqa: ARG005 - the functions of a table have one signature
from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .bad_tables import NOTHING, ROWS, VALUES, _cut, _flipped

Frames = dict[str, tuple[str, Callable[[Any, np.random.Generator], Any]]]


def _column(name: str, make: Callable[[Any], Any]) -> Callable[[Any, np.random.Generator], Any]:
    """A table of Arrow with another column in place of one."""

    def change(frame: pd.DataFrame, _: np.random.Generator) -> Any:
        import pyarrow as pa

        table = pa.Table.from_pandas(frame, preserve_index=False)
        place = table.schema.names.index(name)
        return table.set_column(place, name, make(table[name].combine_chunks()))

    return change


def _cast(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def change(values: Any) -> Any:
        import pyarrow as pa

        return values.cast(kind(pa), safe=False)

    return change


def _made(make: Callable[[Any, int], Any]) -> Callable[[Any], Any]:
    def change(values: Any) -> Any:
        import pyarrow as pa

        return make(pa, len(values))

    return change


def _indexed(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame.set_axis(random.permutation(len(frame)))


# of a column of numbers, of whole numbers, of colours, of truth values, or of the frame
PARQUET: Frames = {
    "nothing": (VALUES, lambda frame, _: frame),
    "an index": (VALUES, _indexed),
    "other order": (VALUES, lambda frame, r: frame[list(r.permutation(frame.columns))]),
    "text of numbers": (VALUES, _column("length", _cast(lambda pa: pa.string()))),
    "large text": (VALUES, _column("colour", _cast(lambda pa: pa.large_string()))),
    "views of text": (VALUES, _column("colour", _cast(lambda pa: pa.string_view()))),
    "dictionary": (VALUES, _column("colour", lambda v: v.dictionary_encode())),
    "dictionary of ids": (VALUES, _column("id", lambda v: v.dictionary_encode())),
    "dictionary of numbers": (VALUES, _column("length", lambda v: v.dictionary_encode())),
    "decimals": (
        VALUES,
        _column("length", lambda v: _made(
            lambda pa, n: pa.array([Decimal(repr(x)) for x in v.to_pylist()])
        )(v)),
    ),
    "int8": (VALUES, _column("count", _cast(lambda pa: pa.int8()))),
    "uint64": (VALUES, _column("count", _cast(lambda pa: pa.uint64()))),
    "float of counts": (VALUES, _column("count", _cast(lambda pa: pa.float64()))),
    "float32": (ROWS, _column("length", _cast(lambda pa: pa.float32()))),
    "float16": (ROWS, _column("width", _cast(lambda pa: pa.float16()))),
    "int of truth": (VALUES, _column("ok", _cast(lambda pa: pa.int8()))),
    "text of truth": (VALUES, _column("ok", _cast(lambda pa: pa.string()))),
    "bytes": (ROWS, _column("colour", _cast(lambda pa: pa.binary()))),
    "nothing but gaps": (ROWS, _column("length", _made(lambda pa, n: pa.nulls(n)))),
    "gaps of floats": (ROWS, _column("length", _made(lambda pa, n: pa.nulls(n, pa.float64())))),
    "NaN": (ROWS, _column("width", _made(lambda pa, n: pa.array(np.full(n, np.nan))))),
    "large": (ROWS, _column("width", _made(lambda pa, n: pa.array(np.full(n, 1e200))))),
    "lists": (ROWS, _column("width", _made(lambda pa, n: pa.array([[1.0, 2.0]] * n)))),
    "records": (ROWS, _column("width", _made(lambda pa, n: pa.array([{"x": 1.0}] * n)))),
    "maps": (
        ROWS,
        _column("width", _made(
            lambda pa, n: pa.array([[("x", 1)]] * n, pa.map_(pa.string(), pa.int64()))
        )),
    ),
    "times": (
        ROWS,
        _column("width", _made(lambda pa, n: pa.array([dt.datetime(2024, 1, 1)] * n))),
    ),
    "hours": (ROWS, _column("width", _made(lambda pa, n: pa.array([dt.time(1)] * n)))),
    "spans": (
        ROWS, _column("width", _made(lambda pa, n: pa.array([dt.timedelta(1)] * n)))
    ),
    "long whole numbers": (
        ROWS, _column("count", _made(lambda pa, n: pa.array([2**63 + 1] * n, pa.uint64())))
    ),
    "zero bytes in text": (
        ROWS, _column("colour", _made(lambda pa, n: pa.array(["a\0b"] * n)))
    ),
    "a name twice": (
        ROWS,
        lambda frame, _: _arrow(frame).append_column("length", _arrow(frame)["width"]),
    ),
    "an empty name": (ROWS, lambda frame, _: _arrow(frame).rename_columns([""] * 6)),
    "a column more": (ROWS, lambda frame, _: frame.assign(more=1.0)),
    "a column less": (ROWS, lambda frame, _: frame.drop(columns="width")),
    "no rows": (NOTHING, lambda frame, _: frame.iloc[:0]),
    "no columns": (NOTHING, lambda frame, _: frame[[]]),
    "one row": (NOTHING, lambda frame, _: frame.iloc[:1]),
}  # fmt: skip


def _arrow(frame: pd.DataFrame) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def write_parquet(table: Any, path: Path, random: np.random.Generator) -> None:
    """Write a frame or a table of Arrow, with groups of rows and packing by chance."""
    import pyarrow.parquet as pq

    table = _arrow(table) if isinstance(table, pd.DataFrame) and len(table.columns) else table
    if isinstance(table, pd.DataFrame):
        table.to_parquet(path)
        return
    pq.write_table(
        table,
        path,
        row_group_size=int(random.choice([1, 7, 1000])),
        compression=str(random.choice(["none", "snappy", "gzip", "zstd"])),
        use_dictionary=bool(random.integers(2)),
        version=str(random.choice(["1.0", "2.6"])),
    )


def _npy(array: np.ndarray, **options: Any) -> bytes:
    target = io.BytesIO()
    np.lib.format.write_array(target, array, **options)
    return target.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)
    return target.getvalue()


def _shaped(text: str) -> Callable[[np.ndarray, np.random.Generator], bytes]:
    """A header of another shape, over the same bytes."""

    def change(X: np.ndarray, _: np.random.Generator) -> bytes:
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {text}, }}".encode()
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        size = len(header).to_bytes(2, "little")
        return b"\x93NUMPY\x01\x00" + size + header + X.tobytes()

    return change


ARRAYS: dict[str, tuple[str, Callable[[np.ndarray, np.random.Generator], bytes]]] = {
    "nothing": (VALUES, lambda X, _: _npy(X)),
    "by columns": (VALUES, lambda X, _: _npy(np.asfortranarray(X))),
    "big-endian": (VALUES, lambda X, _: _npy(X.astype(">f8"))),
    "format 2": (VALUES, lambda X, _: _npy(X, version=(2, 0))),
    "format 3": (VALUES, lambda X, _: _npy(X, version=(3, 0))),
    "longdouble": (ROWS, lambda X, _: _npy(X.astype(np.longdouble))),
    "float32": (ROWS, lambda X, _: _npy(X.astype(np.float32))),
    "float16": (ROWS, lambda X, _: _npy(X.astype(np.float16))),
    "int64": (ROWS, lambda X, _: _npy((X * 1000).astype(np.int64))),
    "uint64": (ROWS, lambda X, _: _npy((X * 0 + 2**63).astype(np.uint64))),
    "bool": (ROWS, lambda X, _: _npy(X > 0)),
    "complex": (ROWS, lambda X, _: _npy(X.astype(complex))),
    "objects": (ROWS, lambda X, _: _npy(X.astype(object))),
    "text": (ROWS, lambda X, _: _npy(X.astype(str))),
    "bytes": (ROWS, lambda X, _: _npy(X.astype(str).astype("S"))),
    "dates": (ROWS, lambda X, _: _npy((X * 1000).astype("M8[s]"))),
    "records": (ROWS, lambda X, _: _npy(np.zeros(len(X), "f8,f8,f8,f8"))),
    "nothing of width": (ROWS, lambda X, _: _npy(np.zeros((len(X), 0)))),
    "another width": (ROWS, lambda X, _: _npy(X[:, :2])),
    "three axes": (ROWS, lambda X, _: _npy(X.reshape(len(X), 2, 2))),
    "one axis": (NOTHING, lambda X, _: _npy(X.ravel())),
    "a number": (NOTHING, lambda X, _: _npy(np.array(3.0))),
    "no rows": (NOTHING, lambda X, _: _npy(X[:0])),
    "NaN": (ROWS, lambda X, _: _npy(np.where(X > 1, np.nan, X))),
    "infinity": (ROWS, lambda X, _: _npy(np.where(X > 1, np.inf, X))),
    "large": (ROWS, lambda X, _: _npy(X * 1e300)),
    "tiny": (ROWS, lambda X, _: _npy(X * 1e-310)),
    "a shape too large": (NOTHING, _shaped("(10**9, 4)".replace("10**9", str(10**9)))),
    "a negative shape": (NOTHING, _shaped("(-5, 4)")),
    "a shape of text": (NOTHING, _shaped("'abc'")),
    "a shape that calls": (NOTHING, _shaped("__import__('os').system('true')")),
    "a shape that wraps": (NOTHING, _shaped(f"({2**62}, 4)")),
    "bytes more": (NOTHING, lambda X, _: _npy(X) + b"more"),
    "cut": (NOTHING, lambda X, r: _cut(_npy(X), r)),
    "changed bytes": (NOTHING, lambda X, r: _flipped(_npy(X)[:128], r) + _npy(X)[128:]),
    "changed bytes later": (ROWS, lambda X, r: _npy(X)[:128] + _flipped(_npy(X)[128:], r)),
}
ARCHIVES: dict[str, tuple[str, Callable[[np.ndarray, np.random.Generator], bytes]]] = {
    "X": (VALUES, lambda X, _: _npz(X=X)),
    "another name": (VALUES, lambda X, _: _npz(rows=X)),
    "several": (NOTHING, lambda X, _: _npz(a=X, b=X)),
    "X and y": (VALUES, lambda X, _: _npz(X=X, y=X[:, 0])),
    "objects": (NOTHING, lambda X, _: _npz(X=X.astype(object))),
    "none": (NOTHING, lambda X, _: _npz()),
    "no rows": (NOTHING, lambda X, _: _npz(X=X[:0])),
    "cut": (NOTHING, lambda X, r: _cut(_npz(X=X), r)),
    "changed bytes": (NOTHING, lambda X, r: _flipped(_npz(X=X), r)),
}
