"""Images as flat rows, and their shape for a network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._validation import parameter_error
from ..measures.arguments import as_array

_ALLOWED = "(channels, height, width) or (height, width)"


def flat_rows(owner: object, X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Rows as two-dimensional input, and the shape of one row if it is an image.

    Rows may have shape (height, width) or (channels, height, width). Whole numbers of at most 16
    bits, such as pixels, become float32, which is exact. Other input is returned unchanged.
    """
    n_dimensions = getattr(X, "ndim", None)
    if n_dimensions is None and isinstance(X, list | tuple):
        n_dimensions = as_array(owner, X).ndim
    if n_dimensions is None or n_dimensions < 3:
        return X, None
    X = np.asarray(X)
    if X.ndim > 4:
        raise ValueError(
            "X must have shape (n, features), (n, height, width) or (n, channels, height, width). "
            f"Got {X.shape} instead."
        )
    if X.dtype.kind in "iu" and X.dtype.itemsize <= 2:
        X = X.astype(np.float32)
    return X.reshape(len(X), math.prod(X.shape[1:])), X.shape[1:]


def input_shape_of(owner: Any, row_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one row for the encoder: (n_features,) or (channels, height, width)."""
    shape = row_shape if owner.input_shape is None else owner.input_shape
    is_shape = isinstance(shape, tuple | list) and all(
        isinstance(side, int | np.integer) and side > 0 for side in shape
    )
    if not is_shape or (owner.input_shape is not None and len(shape) not in (2, 3)):
        raise parameter_error(owner, "input_shape", f"{_ALLOWED} or None", owner.input_shape)
    if math.prod(shape) != math.prod(row_shape):
        allowed = f"{_ALLOWED} of the {math.prod(row_shape)} values of a row"
        raise parameter_error(owner, "input_shape", allowed, owner.input_shape)
    if len(shape) == 1 and owner.architecture == "conv":
        allowed = f"{_ALLOWED} for architecture='conv' on flat rows"
        raise parameter_error(owner, "input_shape", allowed, owner.input_shape)
    shape = tuple(int(side) for side in shape)
    return (1, *shape) if len(shape) == 2 else shape
