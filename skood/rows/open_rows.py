"""Open a file of rows that is read block by block."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..measures.arguments import as_path, shown
from ._chunked_rows import ChunkedRows, is_chunked, open_zarr
from ._mapped_rows import MappedRows, find_mapping, map_file
from ._parquet_rows import ParquetRows
from ._stored_rows import StoredRows
from ._tensor_rows import TensorRows, is_tensor
from .place import is_stored


def open_rows(path: str | PathLike[str], *, columns: Sequence[str] | None = None) -> StoredRows:
    """Open rows on disk, to fit and score without reading all of them into memory.

    Estimators take a ``numpy.memmap``, a Zarr array or an HDF5 dataset as X directly.

    Parameters
    ----------
    path : str or path-like
        A .npy file; a Parquet file, or a folder of these, whose rows follow each other in the
        order of the files' names; or the folder of a Zarr array.
    columns : list of str or None, default=None
        For Parquet, the columns to take, which are features; all by default. A single column of
        lists of numbers, all of one length, gives a feature for each place in the list.

    Returns
    -------
    StoredRows
        The rows, as X for `fit`, `partial_fit`, `score_samples` and the other methods. The
        detectors on nearest neighbours with exact indexes, `KernelDensityOutlierDetector`,
        `MahalanobisOutlierDetector` and `PartialWhitener` read them block by block; all other
        estimators read all of them into memory. float32 stays float32, other numbers are read as
        float64. A pickle of the rows, or of an estimator that holds them, has only the path, and so
        has a file of `skood.save`: `skood.load` reads the rows that its caller names.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is of another kind, does not hold numbers in rows and columns, or is shorter
        than its header says.
    ImportError
        If the library that reads it is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector, open_rows
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "train.npy"
    >>> np.save(path, np.random.default_rng(0).normal(size=(500, 20)))
    >>> detector = KNNOutlierDetector().fit(open_rows(path))
    >>> detector.predict(np.zeros((1, 20)))
    array([1])
    >>> folder.cleanup()
    """
    where = as_path("open_rows", path)
    if not where.exists():
        raise FileNotFoundError(f"There are no rows to open: {where} does not exist.")
    if where.suffix == ".npy" and where.is_file():
        _refuse_columns(columns, where)
        return MappedRows(map_file(str(where.absolute())), path=str(where.absolute()))
    files = sorted(where.glob("*.parquet")) if where.is_dir() else [where]
    if files and files[0].suffix in (".parquet", ".pq") and all(map(Path.is_file, files)):
        return ParquetRows([str(file.absolute()) for file in files], str(where.absolute()), columns)
    if where.is_dir() and any((where / name).exists() for name in ("zarr.json", ".zarray")):
        _refuse_columns(columns, where)
        folder = str(where.absolute())
        return ChunkedRows(open_zarr(folder), path=folder)
    raise ValueError(
        "The 'path' parameter of open_rows must be a .npy file, a Parquet file (.parquet or .pq), "
        f"a folder of .parquet files or a folder with a Zarr array. Got {str(path)!r} instead."
    )


def as_stored_rows(X: Any) -> StoredRows | None:
    """X as rows on disk or on a device; None if it is neither.

    Parameters
    ----------
    X : object
        The X that an estimator got.

    Returns
    -------
    StoredRows or None
        X itself, or the rows of a memory map, of a Zarr array, of an HDF5 dataset or of a tensor.
    """
    if is_stored(X):
        return X
    if isinstance(X, np.memmap):  # results computed from a map are of this class too
        return MappedRows(X) if find_mapping(X) is not None else None
    if is_tensor(X):
        return TensorRows(X)
    return ChunkedRows(X) if is_chunked(X) else None


def _refuse_columns(columns: Sequence[str] | None, where: Path) -> None:
    if columns is not None:
        raise ValueError(
            "The 'columns' parameter of open_rows must be None except for Parquet files, whose "
            f"columns have names. Got {shown(columns)} for {where} instead."
        )
