"""Inputs of estimators that score layers: raw ones of any shape, or rows of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import check_inputs, check_new_rows, check_training_rows
from ..rows.rounded import is_rounded

_MIN_SAMPLES = 2


@dataclass(frozen=True)
class RawInputs:
    """Samples as an array (n, ...), and for samples of a frame the maker of such frames."""

    values: NDArray[Any]
    make_frame: Callable[[NDArray[Any]], Any] | None = None
    rounded: bool = False  # by another float type than that of the training rows

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Self:
        return self.replaced(self.values[rows])

    def replaced(self, values: NDArray[Any]) -> Self:
        """Other values of the same kind."""
        return replace(self, values=values)

    def joined(self, others: RawInputs) -> Self:
        """These inputs, and others after them."""
        return self.replaced(np.concatenate([self.values, others.values]))

    def given(self) -> Any:
        """The samples as the feature extractor takes them: a frame if they were one."""
        return self.values if self.make_frame is None else self.make_frame(self.values)

    @property
    def width(self) -> int:
        """Number of values in a sample."""
        return int(np.prod(self.values.shape[1:], dtype=np.int64))


@dataclass(frozen=True)
class FrameMaker:
    """Makes a frame of an array's columns: pandas and polars both take a dict of these."""

    kind: type
    names: list[Any]

    def __call__(self, values: NDArray[Any]) -> Any:
        """A frame of these values."""
        return self.kind(dict(zip(self.names, values.T, strict=True)))


def training_inputs(owner: Any, X: Any) -> RawInputs:
    """Check the inputs of `fit`: rows of features if the owner has no extractor."""
    if owner.feature_extractor is not None:
        return raw_inputs(owner, X, reset=True)
    rows = check_training_rows(owner, X)
    owner._dtype = rows.dtype
    return RawInputs(rows)


def new_inputs(owner: Any, X: Any) -> RawInputs:
    """Check inputs to score."""
    if hasattr(owner, "feature_extractor_"):
        return raw_inputs(owner, X, reset=False)
    rounded = is_rounded(X, owner._dtype)
    return RawInputs(check_new_rows(owner, X, owner._dtype), rounded=rounded)


def raw_inputs(owner: Any, X: Any, *, reset: bool) -> RawInputs:
    """Check raw inputs; names and number of columns are stored in the owner, or compared."""
    make_frame = FrameMaker(type(X), list(X.columns)) if hasattr(X, "columns") else None
    if not (hasattr(X, "shape") or hasattr(X, "__array__") or isinstance(X, Sequence)):
        raise ValueError(
            f"X must be an array, a tensor or a frame for {type(owner).__name__}, which makes "
            f"noise of its shape. Got {type(X).__name__} instead."
        )
    if hasattr(X, "detach"):  # a tensor, maybe on another device or with a gradient
        X = X.detach().cpu().numpy()
    values = check_inputs(owner, X, reset=reset)
    if reset and len(values) < _MIN_SAMPLES:
        raise ValueError(
            f"Found array with {len(values)} sample(s) (shape={values.shape}) while a minimum of "
            f"{_MIN_SAMPLES} is required by {type(owner).__name__}."
        )
    return RawInputs(values, make_frame)
