"""Fits a detector to a file, for `skood fit` and `skood detect`."""

from __future__ import annotations

import shlex
from pathlib import Path
from time import perf_counter
from typing import Any

from skood import ConformalOutlierDetector, load
from skood.cli.files import ColumnRoles, ReadingOptions, RowLayout, listed, outside

from ._assembly import assemble
from ._errors import DataError
from ._fitted import Fitted, architectures_in, named_rows
from ._inputs import open_input, told_with_doubt
from ._options import DetectorOptions, PreparationOptions
from ._settings import set_parameters, wrong_values_named
from ._speaking import Voice
from ._training_rows import TrainingRows, check_options, read_training_rows


def fit_file(
    path: Path,
    reading: ReadingOptions,
    roles: ColumnRoles,
    preparation: PreparationOptions,
    options: DetectorOptions,
    voice: Voice,
    *,
    also_in: Any = None,
) -> Fitted:
    """Fit a detector to the rows of a file.

    The columns in `roles` may be in `also_in` alone, the file of the rows to score.
    """
    start = perf_counter()
    roles = preparation.roles(roles)
    features = None
    if options.features:
        rows = named_rows(options.rows)
        features = load(options.features, trusted=options.trust, rows=rows)
    shape = _image_shape(features)
    source = open_input(path, reading, voice, images=features is not None, shape=shape)
    check_options(source, roles, preparation, features, also_in)
    with told_with_doubt(also_in):
        training = read_training_rows(source, roles, preparation, reading)
        voice.say(f"read {training.file}: {training.size()} ({_seconds(start)})")
        for note in training.notes():
            voice.say(note)
        if also_in is not None and also_in.columns is not None:
            _check_ranges(training.layout, also_in)
    start = perf_counter()
    fitted = _fit(training, preparation.scale, options, features)
    voice.say(f"fitted {fitted.describe()} ({_seconds(start)})")
    return fitted


def _check_ranges(layout: RowLayout, new: Any) -> None:
    """Before the fit, ask about columns that rise or fall in the new rows as a clock does."""
    sample = new.sample([name for name in layout.numbers if name in new.columns])
    names = outside(layout, sample)
    if names:
        raise DataError(
            f"The first rows of {new.name} all lie outside the range of the training rows in "
            f"{listed(names)}, which rises or falls from row to row as a counter or a clock does: "
            f"leave it out with --exclude {shlex.join(names)}, or keep it with --feature "
            f"{shlex.join(names)}."
        )


def _fit(training: TrainingRows, scale: str, options: DetectorOptions, features: Any) -> Fitted:
    pipeline = assemble(
        options.detector,
        training.layout,
        missing=training.missing,
        scale=scale,
        features=features,
        robust=options.robust,
        seed=options.seed,
    )
    set_parameters(pipeline, options.detector, options.settings)
    rows = training.rows
    with wrong_values_named(options.settings):
        detector = _with_p_values(pipeline, len(rows), options).fit(rows)
    return Fitted(
        detector,
        training.layout,
        training.missing,
        options.detector,
        training.file,
        len(rows),
        architectures_in(options.features, features, detector) if options.features else {},
    )


def _with_p_values(pipeline: Any, n_rows: int, options: DetectorOptions) -> Any:
    """The detector with p-values, unless --alpha is none."""
    alpha, share = options.alpha, options.calibration_size
    if alpha is None:
        return pipeline
    calibrates, needed = int(n_rows * share), round(1 / alpha + 0.499) - 1
    if calibrates < needed:
        raise DataError(
            f"{calibrates:,} of the {n_rows:,} training rows calibrate p-values, and --alpha "
            f"{alpha:g} needs {needed:,}: give more rows, raise --alpha or --calibration-size, or "
            "make no p-values with --alpha none."
        )
    return ConformalOutlierDetector(
        pipeline, alpha=alpha, calibration_size=share, random_state=options.seed
    )


def _image_shape(features: Any) -> tuple[int, ...] | None:
    """The shape of the images that a transformer takes, if it has one."""
    shape = getattr(features, "input_shape_", getattr(features, "input_shape", None))
    return tuple(shape) if isinstance(shape, tuple | list) and len(shape) == 3 else None


def _seconds(start: float) -> str:
    return f"{perf_counter() - start:.1f} s"
