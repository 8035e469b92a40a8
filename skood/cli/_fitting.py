"""Fits a detector to a file, as `skood fit` and `skood detect` are told to."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

from skood import ConformalOutlierDetector, load
from skood.cli.files import (
    Block,
    Layout,
    ReadingOptions,
    check_named_columns,
    open_source,
    read_training_table,
    without_gaps,
)
from skood.storage import read_manifest
from skood.storage.walk import with_stand_ins

from ._assembly import assemble
from ._errors import DataError, UsageError
from ._fitted import Fitted
from ._matching import check_has_columns
from ._speaking import say


def open_rows(path: Path, arguments: argparse.Namespace, *, images: bool, shape: Any = None) -> Any:
    """Open a file of rows as the arguments tell to.

    Parameters
    ----------
    path : Path
        The file, or a folder of images.
    arguments : Namespace
        Of the command.
    images : bool
        Whether the detector takes images.
    shape : sequence of int or None, default=None
        Of the images. None: that of the first.

    Returns
    -------
    source
        As `skood.cli.files.open_source` gives it.

    Raises
    ------
    UsageError
        If it is a folder, and the detector takes no images.
    """
    if path.is_dir() and not images:
        raise UsageError(
            f"{str(path)!r} is a folder, and not a file of rows; images in a folder need a "
            "detector that was fitted with --features."
        )
    options = ReadingOptions(
        arguments.encoding, arguments.delimiter, not arguments.no_header, arguments.array
    )
    return open_source(path, options, shape=shape)


def fit_file(path: Path, arguments: argparse.Namespace, *, also_in: Any = None) -> Fitted:
    """Fit the detector that the arguments ask for to the rows of a file.

    Parameters
    ----------
    path : Path
        The file, or a folder of images.
    arguments : Namespace
        Of the command.
    also_in : source or None, default=None
        The file that is scored afterwards: the columns that options name may be in that alone.

    Returns
    -------
    Fitted
        The detector and its rows.

    Raises
    ------
    UsageError
        If an option does not go with the file.
    DataError
        If the rows cannot be used.
    """
    start = perf_counter()
    features = load(arguments.features, trusted=arguments.trust) if arguments.features else None
    shape = _shape_before(features)
    source = open_rows(path, arguments, images=features is not None, shape=shape)
    _check_options(source, arguments, also_in)
    rows, layout = _training_rows(source, arguments)
    block = Block(rows, None, 0)
    missing = arguments.missing != "refuse" and layout.kind == "table"
    for _ in without_gaps(iter([block]), source.name, missing=missing):
        pass
    say(arguments, f"read {source.name}: {_size(layout, len(rows))} ({_seconds(start)})")
    start = perf_counter()
    pipeline = assemble(
        arguments.detector,
        layout,
        missing=arguments.missing if missing else "refuse",
        scale=arguments.scale,
        features=features,
        seed=arguments.seed,
    )
    detector = _calibrated(pipeline, len(rows), arguments).fit(rows)
    fitted = Fitted(detector, layout, arguments.missing, arguments.detector, source.name, len(rows))
    if features is not None:
        fitted.architectures = _architectures(arguments.features, features, detector)
    say(arguments, f"fitted {describe(fitted)} ({_seconds(start)})")
    return fitted


def describe(fitted: Fitted) -> str:
    """The detector, and how many rows it was fitted on."""
    text = fitted.name
    if fitted.n_rows is not None:
        text += f" on {fitted.n_rows - fitted.n_calibration:,} rows of {fitted.file}"
    if fitted.n_calibration:
        text += f", {fitted.n_calibration:,} others calibrate p-values"
    return text


def _training_rows(source: Any, arguments: argparse.Namespace) -> tuple[Any, Layout]:
    if source.columns is not None:
        told = Layout(id_column=arguments.id_column, exclude=tuple(arguments.exclude))
        return read_training_table(source, told, arguments.categorical, arguments.max_categories)
    kind = "images" if source.row_name == "file" else "array"
    return source.whole_array(), Layout(kind, shape=source.shape)


def _check_options(source: Any, arguments: argparse.Namespace, also_in: Any) -> None:
    """Columns are named where there are columns; images and raw arrays need a transformer."""
    if source.columns is None:
        check_has_columns(source, arguments)
        if arguments.features is None and len(source.shape) > 1:
            raise UsageError(
                f"The rows of {source.name} have the shape {source.shape}: they need a transformer "
                "that makes features of them, saved by skood.save, as --features."
            )
        return
    if arguments.features is not None:
        raise UsageError(f"--features is for images and arrays, and {source.name} is neither.")
    columns = [*source.columns, *(getattr(also_in, "columns", None) or ())]
    names = [arguments.id_column] if arguments.id_column is not None else []
    check_named_columns(source.name, "--id-column", names, columns)
    check_named_columns(source.name, "--exclude", arguments.exclude, columns)


def _calibrated(pipeline: Any, n_rows: int, arguments: argparse.Namespace) -> Any:
    """The detector with p-values, if they are asked for and there are rows enough for them."""
    alpha, share = arguments.alpha, arguments.calibration_size
    if alpha is None:
        return pipeline
    calibrates, needed = int(n_rows * share), round(1 / alpha + 0.499) - 1
    if calibrates < needed:
        raise DataError(
            f"Of the {n_rows:,} training rows {calibrates:,} calibrate p-values, and --alpha "
            f"{alpha:g} takes {needed:,} of them: give more rows, raise --alpha or "
            "--calibration-size, or do without p-values by --alpha none."
        )
    return ConformalOutlierDetector(
        pipeline, alpha=alpha, calibration_size=share, random_state=arguments.seed
    )


def _architectures(path: Path, features: Any, detector: Any) -> dict[str, str]:
    """How the networks in the transformer are built, by their names in the detector."""
    described = read_manifest(path)["modules"]
    of_module = {
        id(one.module): described[one.name].get("architecture")
        for one in with_stand_ins(features)[1]
    }
    found = ((one.name, of_module.get(id(one.module))) for one in with_stand_ins(detector)[1])
    return {name: architecture for name, architecture in found if architecture is not None}


def _shape_before(features: Any) -> tuple[int, ...] | None:
    """The shape of the images that a transformer takes, where it says one."""
    shape = getattr(features, "input_shape_", getattr(features, "input_shape", None))
    return tuple(shape) if isinstance(shape, tuple | list) and len(shape) == 3 else None


def _size(layout: Layout, n_rows: int) -> str:
    if layout.kind == "images":
        channels, height, width = layout.shape
        return f"{n_rows:,} images of {width} × {height} pixels, {channels} channels"
    if layout.kind == "array":
        return f"{n_rows:,} rows of the shape {layout.shape}"
    parts = [f"{len(layout.numbers):,} columns of numbers"] if layout.numbers else []
    if layout.categories:
        parts.append(f"{len(layout.categories):,} of categories")
    return f"{n_rows:,} rows, {' and '.join(parts)}"


def _seconds(start: float) -> str:
    return f"{perf_counter() - start:.1f} s"
