"""Odd Arrow files, Parquet files and folders of the same rows; see `bad_streams`."""

# ruff: noqa: ARG005 - the functions of a table have one signature
from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from .bad_arrays import _arrow
from .bad_streams import SURE, Kinds
from .bad_tables import NOTHING, ROWS, VALUES, _cut, _flipped

Table = Callable[[pa.Table], pa.Table]


def ipc(table: pa.Table, *, stream: bool = False, rows: int = 20, **options: Any) -> bytes:
    """A table as an Arrow file or stream."""
    sink, new = pa.BufferOutputStream(), pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def _written(change: Table) -> Callable[[pd.DataFrame, np.random.Generator], bytes]:
    """An Arrow file or stream of a changed table, by chance."""
    return lambda frame, random: ipc(
        change(_arrow(frame)),
        stream=bool(random.integers(2)),
        rows=int(random.choice([1, 7, 1000])),
        compression=[None, "lz4", "zstd"][random.integers(3)],
    )


def _column(name: str, make: Callable[[pa.Array], Any]) -> Table:
    def change(table: pa.Table) -> pa.Table:
        made = make(table[name].combine_chunks())
        return table.set_column(table.schema.names.index(name), name, made)

    return change


def _cast(name: str, kind: Any) -> Table:
    return _column(name, lambda values: values.cast(kind, safe=False))


def _all(name: str, value: Any, kind: Any = None) -> Table:
    return _column(name, lambda values: pa.array([value] * len(values), kind))


class Strange(pa.ExtensionType):
    """A type that another program has declared; here nobody knows it."""

    def __init__(self, kind: Any = None) -> None:
        super().__init__(kind or pa.float64(), "strange.type")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"\xff\x00strange"


def _texts(values: pa.Array) -> pa.Array:
    return values.cast(pa.string())


def _extension(kind: Any, storage: Any = None) -> Callable[[pa.Array], Any]:
    return lambda values: pa.ExtensionArray.from_storage(
        kind, storage(values) if storage else values
    )


def _run_ends(values: pa.Array) -> Any:
    return pa.compute.run_end_encode(values)


def _with_index(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({b"pandas": b'{"index_columns": 7, \xff'})


def _cuts(stream: bool) -> Callable[[pd.DataFrame, np.random.Generator], bytes]:
    return lambda f, r: _cut(ipc(_arrow(f), stream=stream), r)


def _flips(stream: bool) -> Callable[[pd.DataFrame, np.random.Generator], bytes]:
    return lambda f, r: _flipped(ipc(_arrow(f), stream=stream), r)


def _changing_dictionaries(frame: pd.DataFrame, random: np.random.Generator) -> bytes:
    """A stream whose dictionary is replaced, or grows, from batch to batch."""
    table, sink = _arrow(frame), pa.BufferOutputStream()
    parts = [table.slice(i, 10) for i in range(0, len(table), 10)]
    parts = [_column("colour", lambda v: v.dictionary_encode())(part) for part in parts]
    deltas = bool(random.integers(2))
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
    with pa.ipc.new_stream(sink, parts[0].schema, options=options) as writer:
        for part in parts:
            writer.write_table(part)
    return sink.getvalue().to_pybytes()


def _empty_batches(frame: pd.DataFrame, _: np.random.Generator) -> bytes:
    table, sink = _arrow(frame), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for part in (table[:0], table[:20], table[:0], table[20:], table[:0]):
            for batch in part.to_batches() or [pa.RecordBatch.from_pylist([], part.schema)]:
                writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


A, S = "new.arrow", "new.arrows"
ARROW: Kinds = {
    "file": (SURE, A, lambda f, _: ipc(_arrow(f))),
    "stream": (SURE, S, lambda f, _: ipc(_arrow(f), stream=True)),
    "plain": (SURE, "new.feather", _written(lambda t: t)),
    "ipc": (SURE, "new.ipc", _written(lambda t: t)),
    "empty batches": (SURE, S, _empty_batches),
    "changing dictionaries": (SURE, S, _changing_dictionaries),
    "large text": (SURE, A, _written(_cast("colour", pa.large_string()))),
    "views of text": (SURE, A, _written(_cast("colour", pa.string_view()))),
    "large ids": (SURE, A, _written(_cast("id", pa.large_string()))),
    "dictionary": (SURE, A, _written(_column("colour", lambda v: v.dictionary_encode()))),
    "dictionary of numbers": (
        VALUES,
        A,
        _written(_column("length", lambda v: v.dictionary_encode())),
    ),
    "dictionary of truth": (VALUES, A, _written(_column("ok", lambda v: v.dictionary_encode()))),
    "run ends of text": (VALUES, A, _written(_column("colour", _run_ends))),
    "run ends of numbers": (VALUES, A, _written(_column("length", _run_ends))),
    "run ends of truth": (VALUES, A, _written(_column("ok", _run_ends))),
    "run ends of ids": (VALUES, A, _written(_column("id", _run_ends))),
    "decimals": (
        VALUES,
        A,
        _written(_column("length", lambda v: pa.array([Decimal(repr(x)) for x in v.to_pylist()]))),
    ),
    "short decimals": (ROWS, A, _written(_all("length", Decimal("1.5"), pa.decimal32(5, 2)))),
    "wide decimals": (ROWS, A, _written(_all("length", Decimal(10) ** 60, pa.decimal256(70, 2)))),
    "extension": (ROWS, A, _written(_column("length", _extension(Strange())))),
    "extension of text": (
        ROWS,
        A,
        _written(_column("colour", _extension(Strange(pa.string()), _texts))),
    ),
    "bool8": (
        ROWS,
        A,
        _written(_column("ok", _extension(pa.bool8(), lambda v: v.cast(pa.int8())))),
    ),
    "JSON in text": (
        ROWS,
        A,
        _written(_column("colour", _extension(pa.json_(), _texts))),
    ),
    "uuid": (
        ROWS,
        A,
        _written(
            _column(
                "id", _extension(pa.uuid(), lambda v: pa.array([bytes(16)] * len(v), pa.binary(16)))
            )
        ),
    ),
    "tensors": (
        ROWS,
        A,
        _written(
            _column(
                "width",
                _extension(
                    pa.fixed_shape_tensor(pa.float64(), (1,)),
                    lambda v: pa.FixedSizeListArray.from_arrays(v, 1),
                ),
            )
        ),
    ),
    "lists": (ROWS, A, _written(_all("width", [1.0, 2.0]))),
    "large lists": (ROWS, A, _written(_all("width", [1.0], pa.large_list(pa.float64())))),
    "views of lists": (ROWS, A, _written(_all("width", [1.0], pa.list_view(pa.float64())))),
    "lists of one": (
        ROWS,
        A,
        _written(_column("width", lambda v: pa.FixedSizeListArray.from_arrays(v, 1))),
    ),
    "records": (ROWS, A, _written(_all("width", {"x": 1.0}))),
    "records as ids": (ROWS, A, _written(_all("id", {"x": 1.0}))),
    "maps": (ROWS, A, _written(_all("width", [("x", 1)], pa.map_(pa.string(), pa.int64())))),
    "unions": (
        ROWS,
        A,
        _written(
            _column(
                "width", lambda v: pa.UnionArray.from_sparse(pa.array([0] * len(v), pa.int8()), [v])
            )
        ),
    ),
    "nulls": (ROWS, A, _written(_column("width", lambda v: pa.nulls(len(v))))),
    "null ids": (ROWS, A, _written(_column("id", lambda v: pa.nulls(len(v))))),
    "bytes": (ROWS, A, _written(_cast("colour", pa.binary()))),
    "views of bytes": (ROWS, A, _written(_cast("colour", pa.binary_view()))),
    "bytes as ids": (ROWS, A, _written(_all("id", b"\xff\xfe", pa.binary()))),
    "fixed bytes": (ROWS, A, _written(_all("colour", b"red", pa.binary(3)))),
    "half": (ROWS, A, _written(_cast("width", pa.float16()))),
    "float32": (ROWS, A, _written(_cast("width", pa.float32()))),
    "uint64": (VALUES, A, _written(_cast("count", pa.uint64()))),
    "dates": (ROWS, A, _written(_all("width", dt.date(2024, 1, 1)))),
    "64-bit dates": (ROWS, A, _written(_all("width", dt.date(2024, 1, 1), pa.date64()))),
    "zoned": (
        ROWS,
        A,
        _written(_all("width", dt.datetime(2024, 1, 1), pa.timestamp("us", "Europe/Vienna"))),
    ),
    "no such zone": (ROWS, A, _written(_all("width", 5, pa.timestamp("us", "Nowhere/Land")))),
    "far dates": (ROWS, A, _written(_all("width", 2**62, pa.timestamp("s")))),
    "hours": (ROWS, A, _written(_all("width", dt.time(1), pa.time64("ns")))),
    "spans": (ROWS, A, _written(_all("width", 5, pa.duration("ms")))),
    "intervals": (ROWS, A, _written(_all("width", (1, 2, 3), pa.month_day_nano_interval()))),
    "a name twice": (ROWS, A, _written(lambda t: t.append_column("length", t["width"]))),
    "an empty name": (ROWS, A, _written(lambda t: t.rename_columns([""] * 6))),
    "names of controls": (
        ROWS,
        A,
        _written(lambda t: t.rename_columns([f"\x1b[2J\n{i}" for i in range(6)])),
    ),
    "a column more": (ROWS, A, _written(lambda t: t.append_column("more", t["width"]))),
    "a column less": (ROWS, A, _written(lambda t: t.drop_columns("width"))),
    "wrong words of pandas": (VALUES, A, _written(_with_index)),
    "infinite": (ROWS, A, _written(_all("width", float("inf")))),
    "no rows": (NOTHING, A, _written(lambda t: t[:0])),
    "no columns": (NOTHING, A, _written(lambda t: t.select([]))),
    "one row": (NOTHING, A, _written(lambda t: t[:1])),
    "two streams": (NOTHING, S, lambda f, _: ipc(_arrow(f), stream=True) * 2),
    "two files": (NOTHING, A, lambda f, _: ipc(_arrow(f)) * 2),
    "bytes behind": (NOTHING, S, lambda f, r: ipc(_arrow(f), stream=True) + r.bytes(40)),
    "cut file": (NOTHING, A, _cuts(stream=False)),
    "cut stream": (NOTHING, S, _cuts(stream=True)),
    "changed file": (NOTHING, A, _flips(stream=False)),
    "changed stream": (NOTHING, S, _flips(stream=True)),
    "Parquet": (NOTHING, A, lambda f, _: f.to_parquet()),
    "CSV": (NOTHING, A, lambda f, _: f.to_csv().encode()),
    "empty": (NOTHING, A, lambda f, _: b""),
}


def _file(change: Table, **options: Any) -> Callable[[pd.DataFrame, np.random.Generator], bytes]:
    def make(frame: pd.DataFrame, _: np.random.Generator) -> bytes:
        sink = pa.BufferOutputStream()
        parquet.write_table(change(_arrow(frame)), sink, **options)
        return sink.getvalue().to_pybytes()

    return make


def _no_groups(frame: pd.DataFrame, _: np.random.Generator) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.ParquetWriter(sink, _arrow(frame).schema).close()
    return sink.getvalue().to_pybytes()


def _encrypted(*columns: str, plain_footer: bool) -> Any:
    def make(frame: pd.DataFrame, _: np.random.Generator) -> bytes:
        from pyarrow.parquet import encryption

        class Client(encryption.KmsClient):
            def wrap_key(self, key: bytes, _: str) -> bytes:
                return key

            def unwrap_key(self, key: bytes, _: str) -> bytes:
                return key

        config = encryption.EncryptionConfiguration(
            footer_key="f", column_keys={"c": list(columns)}, plaintext_footer=plain_footer
        )
        keys = encryption.CryptoFactory(lambda _: Client())
        properties = keys.file_encryption_properties(encryption.KmsConnectionConfig(), config)
        return _file(lambda t: t, encryption_properties=properties)(frame, _)

    return make


P = "new.parquet"
PARQUET_FILES: Kinds = {
    "pages of version 2": (SURE, P, _file(lambda t: t, data_page_version="2.0")),
    "brotli": (SURE, P, _file(lambda t: t, compression="brotli")),
    "lz4": (SURE, "new.pq", _file(lambda t: t, compression="lz4")),
    "split bytes": (
        SURE,
        P,
        _file(
            lambda t: t,
            use_dictionary=False,
            column_encoding={
                "length": "BYTE_STREAM_SPLIT",
                "count": "DELTA_BINARY_PACKED",
                "colour": "DELTA_BYTE_ARRAY",
            },
        ),
    ),
    "page index": (SURE, P, _file(lambda t: t, write_page_index=True, data_page_size=1)),
    "small groups": (SURE, P, _file(lambda t: t, row_group_size=1)),
    "no schema of Arrow": (SURE, P, _file(lambda t: t, store_schema=False)),
    "old times": (
        ROWS,
        P,
        _file(_all("width", dt.datetime(2024, 1, 1)), use_deprecated_int96_timestamps=True),
    ),
    "a strange extension": (ROWS, P, _file(_column("length", _extension(Strange())))),
    "no groups": (NOTHING, P, _no_groups),
    "encrypted": (NOTHING, P, _encrypted("width", plain_footer=False)),
    "an encrypted column": (NOTHING, P, _encrypted("width", plain_footer=True)),
    "an encrypted other column": (NOTHING, P, _encrypted("id", plain_footer=True)),
    "Arrow": (NOTHING, P, lambda f, _: ipc(_arrow(f))),
    "CSV": (NOTHING, P, lambda f, _: f.to_csv(index=False).encode()),
    "empty": (NOTHING, P, lambda f, _: b""),
    "twice": (NOTHING, P, lambda f, _: f.to_parquet() * 2),
}


def _hive(*keys: str, **options: Any) -> Callable[[pd.DataFrame, Path], None]:
    return lambda frame, path: parquet.write_to_dataset(
        _arrow(frame), path, partition_cols=list(keys), **options
    )


def _files(change: Callable[[pd.DataFrame, int], Any], n: int = 2) -> Any:
    """Files of the rows one after the other, each changed."""

    def make(frame: pd.DataFrame, path: Path) -> None:
        path.mkdir()
        for i, part in enumerate(np.array_split(np.arange(len(frame)), n)):
            made = change(frame.iloc[part].reset_index(drop=True), i)
            parquet.write_table(
                _arrow(made) if isinstance(made, pd.DataFrame) else made, path / f"part-{i}.parquet"
            )

    return make


def _beside(name: str, content: bytes | None = None) -> Callable[[pd.DataFrame, Path], None]:
    """Two files, and another one or a folder beside them."""

    def make(frame: pd.DataFrame, path: Path) -> None:
        _files(lambda part, _: part)(frame, path)
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if content is None else place.write_bytes(content)

    return make


def _moved(**names: str) -> Callable[[pd.DataFrame, Path], None]:
    """Two files, in subfolders."""

    def make(frame: pd.DataFrame, path: Path) -> None:
        _files(lambda part, _: part)(frame, path)
        for old, new in names.items():
            place = path / new
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path / f"part-{old[1:]}.parquet", place)

    return make


def _linked(frame: pd.DataFrame, path: Path) -> None:
    _files(lambda part, _: part)(frame, path)
    (path / "again").symlink_to(path, target_is_directory=True)


def _linked_nowhere(frame: pd.DataFrame, path: Path) -> None:
    _files(lambda part, _: part)(frame, path)
    (path / "part-9.parquet").symlink_to(path / "nothing")


def _with_empty_file(frame: pd.DataFrame, path: Path) -> None:
    _files(lambda part, _: part)(frame, path)
    parquet.write_table(_arrow(frame.iloc[:0]), path / "part-00.parquet")


FOLDERS: dict[str, tuple[str, Callable[[pd.DataFrame, Path], None]]] = {
    "files": (SURE, _files(lambda part, _: part, 3)),
    "a file without rows": (ROWS, _with_empty_file),
    "marks of Spark": (SURE, _beside("_SUCCESS", b"")),
    "a hidden file": (SURE, _beside("._part-0.parquet.crc", b"crc")),
    "files in folders": (SURE, _moved(p0="a/part-0.parquet", p1="b/part-1.parquet")),
    "by colour": (ROWS, _hive("colour")),
    "by truth": (ROWS, _hive("ok")),
    "by colour and truth": (ROWS, _hive("colour", "ok")),
    "by count": (ROWS, _hive("count")),
    "by id": (ROWS, _hive("id")),
    "by length": (ROWS, _hive("length")),
    "colours with spaces": (
        ROWS,
        lambda f, p: _hive("colour")(f.assign(colour=f["colour"] + " %/=ü"), p),
    ),
    "missing colours": (
        ROWS,
        lambda f, p: _hive("colour")(f.assign(colour=f["colour"].replace("red", None)), p),
    ),
    "a column of the file and the folder": (
        ROWS,
        _moved(p0="colour=red/p.parquet", p1="colour=blue/p.parquet"),
    ),
    "a key more": (ROWS, _moved(p0="x=1/p.parquet", p1="x=2/p.parquet")),
    "keys of two types": (ROWS, _moved(p0="x=1/p.parquet", p1="x=one/p.parquet")),
    "two keys": (ROWS, _moved(p0="x=1/p.parquet", p1="y=2/p.parquet")),
    "a key in one folder": (ROWS, _moved(p0="x=1/p.parquet")),
    "depths": (ROWS, _moved(p0="x=1/y=2/p.parquet", p1="x=2/p.parquet")),
    "a large key": (ROWS, _moved(p0=f"x={2**70}/p.parquet", p1="x=2/p.parquet")),
    "an empty key": (ROWS, _moved(p0="=1/p.parquet", p1="=2/p.parquet")),
    "another order": (SURE, _files(lambda part, i: part[part.columns[::-1]] if i else part)),
    "other columns": (
        ROWS,
        _files(lambda part, i: part.rename(columns={"width": "breadth"}) if i else part),
    ),
    "a column less": (ROWS, _files(lambda part, i: part.drop(columns="width") if i else part)),
    "other types": (VALUES, _files(lambda part, i: part.astype({"count": float}) if i else part)),
    "text and numbers": (ROWS, _files(lambda part, i: part.astype({"count": str}) if i else part)),
    "dictionary and text": (
        VALUES,
        _files(lambda part, i: part.astype({"colour": "category"}) if i else part),
    ),
    "a CSV file": (NOTHING, _beside("more.csv", b"a,b\n1,2\n")),
    "a text": (NOTHING, _beside("README", b"hello")),
    "an empty file": (NOTHING, _beside("part-5.parquet", b"")),
    "a damaged file": (NOTHING, _beside("part-5.parquet", b"PAR1" + bytes(99) + b"PAR1")),
    "an empty folder": (SURE, _beside("empty")),
    "a folder named as a file": (SURE, _beside("part-7.parquet")),
    "not written to its end": (NOTHING, _beside("_temporary/0/x", b"")),
    "Delta": (NOTHING, _beside("_delta_log/0.json", b"{}")),
    "Iceberg": (NOTHING, _beside("metadata/v1.json", b"{}")),
    "a link to itself": (NOTHING, _linked),
    "a link to nothing": (NOTHING, _linked_nowhere),
    "nothing": (NOTHING, lambda f, p: p.mkdir()),
}
