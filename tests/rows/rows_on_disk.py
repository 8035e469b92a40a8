"""Rows in files of each kind, for the tests of rows on disk."""

from __future__ import annotations

import numpy as np
import pytest

from skood import open_rows
from skood._optional import is_installed
from skood.rows import JoinedRows

from ..detectors import rows

needs_parquet = pytest.mark.skipif(not is_installed("pyarrow"), reason="pyarrow is not installed")
needs_zarr = pytest.mark.skipif(not is_installed("zarr"), reason="zarr is not installed")
needs_skops = pytest.mark.skipif(not is_installed("skops"), reason="skops is not installed")
KINDS = [
    "memmap",
    "npy",
    pytest.param("parquet", marks=needs_parquet),
    pytest.param("lists", marks=needs_parquet),
    pytest.param("folder", marks=needs_parquet),
    pytest.param("zarr", marks=needs_zarr),
    "joined",
]


def data(n=300, d=9, dtype=np.float32, seed=0):
    """Rows with duplicates, some of them far apart in the file."""
    X = rows(n, d, seed=seed, dtype=dtype)
    X[n // 2 : n // 2 + 9] = X[:9]
    X[-5:] = X[3]
    return X


def table(X):
    import pyarrow as pa

    return pa.table({f"c{i}": column for i, column in enumerate(X.T)})


def on_disk(X, kind, folder, name="rows"):
    """The rows in a file, as X for an estimator."""
    path = folder / f"{name}.{'npy' if kind in ('memmap', 'npy', 'joined') else kind}"
    if kind in ("memmap", "npy", "joined"):
        np.save(path, X)
        if kind == "npy":
            return open_rows(path)
        mapped = np.load(path, mmap_mode="r")
        third = len(X) // 3
        return mapped if kind == "memmap" else JoinedRows([X[:third], open_rows(path)[third:]])
    if kind == "zarr":
        import zarr

        array = zarr.open_array(
            str(path), mode="w", shape=X.shape, chunks=(37, X.shape[1]), dtype=X.dtype
        )
        array[:] = X
        return array
    import pyarrow as pa
    import pyarrow.parquet as pq

    if kind == "folder":
        path.mkdir()
        for i, start in enumerate(range(0, len(X), 100)):
            part = table(X[start : start + 100])
            pq.write_table(part, path / f"{i}.parquet", row_group_size=23)
        return open_rows(path)
    path = path.with_suffix(".parquet")
    if kind == "lists":
        lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])
        pq.write_table(pa.table({"embedding": lists}), path, row_group_size=41)
    else:
        pq.write_table(table(X), path, row_group_size=41)
    return open_rows(path)
