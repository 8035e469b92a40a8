"""Opens files of rows by their endings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._optional import import_optional
from ._arrays import ArraySource
from ._arrow import ARROW, ArrowSource
from ._blocks import Block
from ._csv import CsvSource
from ._encodings import marked_encoding
from ._errors import OptionError
from ._images import ImageSource
from ._json import JSON_LINES, JsonLinesSource
from ._parquet import PARQUET, ParquetFolder, ParquetSource, is_parquet_folder
from ._stdin import is_read_once, name_of, open_read_once
from ._streams import codec_of, without_codec

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_ARRAYS = (".npy", ".npz")
_END = 1 << 20  # bytes


@dataclass(frozen=True)
class ReadingOptions:
    """How to read files that do not state their format: CSV, .npz files with several arrays, stdin.

    Without a delimiter it is a comma, or a tab in files with the ending .tsv, unless the first rows
    show another. `na` are further texts for a missing value. None for a mark in numbers: the values
    decide. `format` is the format of stdin, and of files with another ending.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    header: bool = True
    array: str | None = None
    na: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    format: str | None = None


def open_source(
    path: Path,
    options: ReadingOptions | None = None,
    *,
    shape: Sequence[int] | None = None,
    name: str | None = None,
) -> Any:
    """Open a file of rows, or a folder of Parquet files, or of images of a shape.

    Messages call a file by its `name`, by default the name of the path. The default shape is that
    of the first image. "-" is stdin. The reader has read the beginning of the file.
    """
    options = options or ReadingOptions()
    import_optional("pyarrow", "io", needed_by="Reading and writing files of rows")
    import_optional("pandas", "io", needed_by="Reading and writing files of rows")
    if is_read_once(path):
        kind = _ending(path.name, options)[1:] or None
        return open_read_once(path, kind, lambda copy: _open_file(copy, name_of(path), options))
    if not path.exists():
        raise OptionError(f"There is no file {str(path)!r}.")
    if is_parquet_folder(path):
        return ParquetFolder(path, path.name or str(path))
    if path.is_dir():
        return ImageSource(path, shape=shape)
    if not path.is_file():
        raise OptionError(
            f"{str(path)!r} is a device: rows are read from files, folders and pipes."
        )
    return _open_file(path, name or path.name, options)


def has_known_ending(path: Path, options: ReadingOptions) -> bool:
    """Whether the name of a file, or an option, names its format."""
    return bool(_ending(path.name, options))


def is_plain_text(path: Path, options: ReadingOptions) -> bool:
    """Whether a file has a row in each line, so that it may grow and be read line by line."""
    ending = _ending(path.name, options)
    if ending not in (*_DELIMITERS, *JSON_LINES) or codec_of(path) is not None:
        return False
    with path.open("rb") as file:
        encoding = marked_encoding(file.read(4)) or options.encoding
    return not encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))


def _open_file(path: Path, name: str, options: ReadingOptions) -> Any:
    ending = _ending(path.name, options)
    if not ending:
        raise OptionError(
            f"The ending of {path.name!r} is not known: give a file with one of "
            f"{', '.join(_READERS)}, or a folder of images or Parquet files, or name the format "
            "with --format."
        )
    return _READERS[ending](path, name, ending, options)


def _ending(name: str, options: ReadingOptions) -> str:
    """The ending that names the format of a file; empty if neither its name nor an option does."""
    endings = [Path(without_codec(name.lower())).suffix, f".{options.format}"]
    return next((ending for ending in endings if ending in _READERS), "")


def _open_csv(path: Path, name: str, ending: str, options: ReadingOptions) -> CsvSource:
    return CsvSource(
        path,
        name,
        encoding=options.encoding,
        delimiter=options.delimiter,
        header=options.header,
        usual=_DELIMITERS[ending],
        gaps=options.na,
    )


_READERS: dict[str, Callable[[Path, str, str, ReadingOptions], Any]] = {
    **dict.fromkeys(_DELIMITERS, _open_csv),
    **dict.fromkeys(JSON_LINES, lambda path, name, *_: JsonLinesSource(path, name)),
    **dict.fromkeys(PARQUET, lambda path, name, *_: ParquetSource(path, name)),
    **dict.fromkeys(ARROW, lambda path, name, *_: ArrowSource(path, name)),
    **dict.fromkeys(
        _ARRAYS, lambda path, name, _, options: ArraySource(path, name, array=options.array)
    ),
}


def fingerprint(source: Any) -> str:
    """SHA-256 of the size of a file, its time, and the bytes at its ends.

    Of a folder: of the names, sizes and times of all files.
    """
    digest = hashlib.sha256()
    for file in getattr(source, "files", [source.path]):
        about = file.stat()
        digest.update(f"{file.name}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    if source.path.is_file():
        with source.path.open("rb") as file:
            digest.update(file.read(_END))
            file.seek(max(0, source.path.stat().st_size - _END))
            digest.update(file.read(_END))
    return digest.hexdigest()


def rows_digest(blocks: Iterable[Block], n_rows: int) -> str:
    """Checksum of the first rows of a file, as a detector gets them: whole blocks."""
    import pandas as pd

    digest = hashlib.sha256()
    for block in blocks:
        rows, ids = block.rows, None if block.ids is None else block.ids.to_pylist()
        if isinstance(rows, pd.DataFrame):
            rows = pd.util.hash_pandas_object(rows, index=False).to_numpy()
        digest.update(np.ascontiguousarray(rows).tobytes() + repr(ids).encode())
        if block.start + len(block) >= n_rows:  # the next one may be damaged
            break
    return digest.hexdigest()
