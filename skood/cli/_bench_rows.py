"""The rows and labels that `skood bench` compares detectors on."""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skood._validation import select_rows
from skood.cli.files import (
    Block,
    Layout,
    ReadingOptions,
    check_named_columns,
    listed,
    open_source,
    read_training_table,
    without_gaps,
)

from ._errors import DataError, UsageError

USUAL_LABELS = "y"


@dataclass(frozen=True)
class BenchRows:
    """Rows, their labels, and what is known of both.

    Attributes
    ----------
    rows : ndarray or DataFrame
        The features.
    layout : Layout
        What they are.
    labels : ndarray of shape (n_rows,) or None
        Classes, or +1 and -1.
    label_name : str
        What the labels are called in the file.
    file_rows : int
        How many rows the file has.
    """

    rows: Any
    layout: Layout
    labels: NDArray | None
    label_name: str
    file_rows: int

    def sample(self, most: int | None, seed: int) -> BenchRows:
        """At most so many of the rows, drawn at random, in their order."""
        if most is None or self.file_rows <= most:
            return self
        chosen = np.random.default_rng(seed).choice(self.file_rows, most, replace=False)
        chosen.sort()
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, rows=select_rows(self.rows, chosen), labels=labels)


def read_bench_rows(arguments: argparse.Namespace) -> BenchRows:
    """Read the file that the arguments name.

    Parameters
    ----------
    arguments : Namespace
        Of the command.

    Returns
    -------
    BenchRows
        Rows without gaps that nothing fills, and a label for each, if labels are asked for.

    Raises
    ------
    UsageError
        If an option does not go with the file.
    DataError
        If rows or labels cannot be used.
    """
    options = ReadingOptions(
        arguments.encoding, arguments.delimiter, not arguments.no_header, arguments.data_key
    )
    if arguments.data.is_dir():
        raise UsageError(f"--data must be a file. Got the folder {str(arguments.data)!r} instead.")
    source = open_source(arguments.data, options)
    if arguments.clusters is not None and (arguments.labels or arguments.in_label):
        raise UsageError("--clusters reads no labels: leave out --labels and --in-label.")
    read = _read_array if source.columns is None else _read_table
    rows, layout, labels, name = read(source, arguments)
    fills = arguments.missing != "refuse" and layout.kind == "table"
    for _ in without_gaps(iter([Block(rows, None, 0)]), source.name, missing=fills):
        pass
    if labels is not None:
        labels = _checked(labels, len(rows), f"{name!r} of {source.name}", arguments.in_label)
    elif arguments.in_label is not None:
        raise UsageError("--in-label needs labels: name them by --labels.")
    return BenchRows(rows, layout, labels, name, len(rows))


def _read_table(source: Any, arguments: argparse.Namespace) -> tuple[Any, Layout, Any, str]:
    name = arguments.labels
    if arguments.data_key is not None:
        raise UsageError(f"--data-key names an array of an NPZ file, which {source.name} is not.")
    for option, names in (
        ("--labels", [] if name is None else [name]),
        ("--exclude", arguments.exclude),
    ):
        check_named_columns(source.name, option, names, source.columns)
    no_features = tuple(arguments.exclude) + (() if name is None else (name,))
    told = Layout(exclude=no_features)
    rows, layout = read_training_table(
        source, told, arguments.categorical, arguments.max_categories
    )
    if name is None:
        return rows, layout, None, ""
    values = source.whole_table([name])[name].to_pylist()
    return rows, layout, _from_column(values, name, source), name


def _from_column(values: list[Any], name: str, source: Any) -> NDArray:
    """Labels out of a column; text that stands for numbers becomes numbers."""
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


def _read_array(source: Any, arguments: argparse.Namespace) -> tuple[Any, Layout, Any, str]:
    for option in ("exclude", "categorical"):
        if getattr(arguments, option):
            raise UsageError(f"--{option} names columns, and {source.name} has none.")
    if len(source.shape) > 1:
        raise DataError(
            f"{source.name} must hold rows of numbers. Got rows of the shape {source.shape} "
            "instead: make features of them first."
        )
    labels, name = None, ""
    if arguments.clusters is None:
        labels, name = _array_labels(arguments.data, arguments.labels)
    return source.whole_array(), Layout("array", shape=source.shape), labels, name


def _array_labels(path: Path, name: str | None) -> tuple[NDArray | None, str]:
    """The labels beside an array: of the same NPZ file, or in another NPY file."""
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
    """An array that is read without running code of the file."""
    try:
        found = np.load(path, allow_pickle=False)
        return np.asarray(found if name is None else found[name])
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        shown = path.name if name is None else f"{name!r} of {path.name}"
        raise DataError(
            f"The labels {shown} must be an array of numbers or text. Got something else instead, "
            "or a damaged file."
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
            f"--in-label must be one of two or more labels in {shown}. Got {in_label!r} instead, "
            f"where the labels are {listed(names, 20)}."
        )
    return np.where(inside, 1, -1)
