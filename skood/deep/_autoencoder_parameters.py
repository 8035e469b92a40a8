"""Checks of the parameters of AutoencoderTransformer, and the training plan that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from .._validation import check_float, check_int, check_option, parameter_error
from ._training import TrainingPlan

_SMALLEST_BATCH, _LARGEST_BATCH, _STEPS = 16, 256, 50


def check_parameters(owner: Any) -> None:
    """Raise unless all parameters are valid, except those that concern X and the device."""
    _check_widths(owner, "hidden", owner.hidden, or_empty=True)
    check_int(owner, "n_components", owner.n_components, 1)
    check_option(owner, "architecture", owner.architecture, ("dense", "conv"))
    _check_widths(owner, "channels", owner.channels)
    for name in ("encoder", "decoder"):
        module = getattr(owner, name)
        if not (module is None or isinstance(module, nn.Module)):
            raise parameter_error(owner, name, "a torch.nn.Module or None", module)
    check_option(owner, "output", owner.output, ("activation", "sign"))
    check_option(owner, "scaling", owner.scaling, ("auto", "feature", "global"))
    check_int(owner, "epochs", owner.epochs, 1)
    check_float(owner, "learning_rate", owner.learning_rate, "(0, inf)")
    if not (isinstance(owner.batch_size, str) and owner.batch_size == "auto"):
        _check_batch_size(owner)
    check_float(owner, "validation_fraction", owner.validation_fraction, "[0, 1)")
    for name in ("early_stopping", "verbose"):
        value = getattr(owner, name)
        if not isinstance(value, bool | np.bool_):
            raise parameter_error(owner, name, "True or False", value)
    check_int(owner, "patience", owner.patience, 1)
    check_float(owner, "denoising", owner.denoising, "[0, inf)")


def training_plan(owner: Any, n_samples: int) -> TrainingPlan:
    """The training plan for a number of rows."""
    batch_size = owner.batch_size
    if batch_size == "auto":
        batch_size = min(max(n_samples // _STEPS, _SMALLEST_BATCH), _LARGEST_BATCH)
    return TrainingPlan(
        epochs=int(owner.epochs),
        learning_rate=float(owner.learning_rate),
        batch_size=int(batch_size),
        patience=int(owner.patience) if owner.early_stopping else None,
        denoising=float(owner.denoising),
        verbose=bool(owner.verbose),
    )


def _check_widths(owner: Any, name: str, widths: Any, *, or_empty: bool = False) -> None:
    is_widths = isinstance(widths, Sequence | np.ndarray) and not isinstance(widths, str)
    is_widths = (
        is_widths
        and getattr(widths, "ndim", 1) == 1
        and all(
            isinstance(width, int | np.integer) and not isinstance(width, bool) and width > 0
            for width in widths
        )
    )
    if not is_widths or (len(widths) == 0 and not or_empty):
        kind = "sequence" if or_empty else "non-empty sequence"
        raise parameter_error(owner, name, f"a {kind} of ints in [1, inf)", widths)


def _check_batch_size(owner: Any) -> None:
    try:
        check_int(owner, "batch_size", owner.batch_size, 1)
    except ValueError as error:
        allowed = "an int in [1, inf) or 'auto'"
        raise parameter_error(owner, "batch_size", allowed, owner.batch_size) from error
