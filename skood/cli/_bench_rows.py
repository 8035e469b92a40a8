"""Reads rows and labels for `skood bench`."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skood._validation import select_rows
from skood.cli.files import (
    ReadingOptions,
    RowLayout,
    check_gaps,
    check_named_columns,
    listed,
    open_source,
    read_training_table,
)

from ._errors import DataError, UsageError
from ._inputs import check_no_columns_named, check_no_images
from ._options import LabelOptions, PreparationOptions

USUAL_LABELS = "y"


@dataclass(frozen=True)
class BenchRows:
    """Rows, and their labels: classes, or +1 and -1."""

    path: Path
    name: str
    rows: Any
    layout: RowLayout
    labels: NDArray | None
    label_name: str
    file_rows: int

    def sample(self, most: int | None, seed: int) -> BenchRows:
        """At most `most` of the rows, drawn at random, in their order."""
        if most is None or self.file_rows <= most:
            return self
        chosen = np.random.default_rng(seed).choice(self.file_rows, most, replace=False)
        chosen.sort()
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, rows=select_rows(self.rows, chosen), labels=labels)


def read_bench_rows(
    path: Path,
    reading: ReadingOptions,
    options: LabelOptions,
    exclude: tuple[str, ...],
    preparation: PreparationOptions,
) -> BenchRows:
    """Read rows and their labels."""
    check_no_images(path)
    source = open_source(path, reading)
    if options.clusters is not None and (options.labels or options.in_label):
        raise UsageError("--clusters reads no labels: leave out --labels and --in-label.")
    if source.columns is None:
        check_no_columns_named(source, exclude=exclude, categorical=preparation.categorical)
        rows, layout, labels, name = _read_array(source, options)
    elif reading.array is not None:
        raise UsageError(f"--array names an array of an NPZ file, which {source.name} is not.")
    else:
        rows, layout, labels, name = _read_table(
            source, options.labels, exclude, preparation, reading
        )
    fills = preparation.missing != "refuse" and layout.kind == "table"
    check_gaps(rows, source.name, missing=fills)
    if labels is not None:
        labels = _checked(labels, len(rows), f"{name!r} of {source.name}", options.in_label)
    elif options.in_label is not None:
        raise UsageError("--in-label needs labels: name them with --labels.")
    return BenchRows(path, source.name, rows, layout, labels, name, len(rows))


def _read_table(
    source: Any,
    name: str | None,
    exclude: tuple[str, ...],
    preparation: PreparationOptions,
    reading: ReadingOptions,
) -> tuple[Any, RowLayout, NDArray | None, str]:
    label_columns = () if name is None else (name,)
    check_named_columns(source.name, "--labels", label_columns, source.columns)
    check_named_columns(source.name, "--exclude", exclude, source.columns)
    fills = preparation.missing != "refuse"
    table = preparation.table(None, exclude + label_columns, reading)
    rows, layout = read_training_table(source, table, missing=fills)
    if name is None:
        return rows, layout, None, ""
    values = source.whole_table([name])[name].to_pylist()
    return rows, layout, _from_column(values, name, source), name


def _from_column(values: list[Any], name: str, source: Any) -> NDArray:
    """The labels of a column, as numbers if all texts are numbers."""
    texts = [value.strip() if isinstance(value, str) else value for value in values]
    n_missing = sum(value is None or value == "" for value in texts)
    if n_missing:
        raise DataError(
            f"The column {name!r} of {source.name} has no label in {n_missing:,} of its rows."
        )
    try:
        return np.asarray(texts, dtype=np.float64 if source.is_text else None)
    except ValueError:
        return np.asarray([str(value) for value in texts])


def _read_array(source: Any, options: LabelOptions) -> tuple[Any, RowLayout, NDArray | None, str]:
    if len(source.shape) > 1:
        raise DataError(
            f"{source.name} must hold rows of numbers. Got rows of the shape {source.shape} "
            "instead: make features of the rows first."
        )
    labels, name = None, ""
    if options.clusters is None:
        labels, name = _array_labels(source.path, options.labels)
    return source.whole_array(), RowLayout("array", shape=source.shape), labels, name


def _array_labels(path: Path, name: str | None) -> tuple[NDArray | None, str]:
    """The labels of an array: in the same NPZ file, or in another NPY file."""
    if path.suffix.lower() == ".npy":
        return (None, "") if name is None else (_load(Path(name), None), name)
    with zipfile.ZipFile(path) as archive:
        names = [file.removesuffix(".npy") for file in archive.namelist()]
    if name is None and USUAL_LABELS not in names:
        return None, ""
    name = USUAL_LABELS if name is None else name
    if name not in names:
        raise UsageError(
            f"{path.name} has no array {name!r}, which --labels names; its arrays are "
            f"{listed(names, 20)}."
        )
    return _load(path, name), name


def _load(path: Path, name: str | None) -> NDArray:
    """An array of a file; no code of the file runs."""
    try:
        content = np.load(path, allow_pickle=False)
        return np.asarray(content if name is None else content[name])
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        shown = path.name if name is None else f"{name!r} of {path.name}"
        raise DataError(
            f"The labels {shown} must be an array of numbers or text. Got another type or a "
            "damaged file instead."
        ) from error


def _checked(labels: NDArray, n_rows: int, shown: str, in_label: str | None) -> NDArray:
    if labels.shape != (n_rows,):
        raise DataError(
            f"The labels {shown} must be one for each of the {n_rows:,} rows. Got the shape "
            f"{labels.shape} instead."
        )
    if labels.dtype.kind not in "biufU":
        raise DataError(
            f"The labels {shown} must be numbers or text. Got the type {labels.dtype} instead."
        )
    if labels.dtype.kind == "f" and np.array_equal(labels, np.round(labels)):
        labels = labels.astype(np.int64)  # 1.0 as a label is called 1
    if in_label is None:
        return labels
    inside = labels.astype(str) == in_label
    if inside.all() or not inside.any():
        names = [str(label) for label in np.unique(labels)[:21]]
        raise DataError(
            f"--in-label must be one of two or more labels in {shown}. Got {in_label!r} instead; "
            f"the labels are {listed(names, 20)}."
        )
    return np.where(inside, 1, -1)
