"""Raw inputs of any shape, in the form that a feature extractor takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import check_inputs

_MIN_SAMPLES = 2


@dataclass(frozen=True)
class RawInputs:
    """Samples as an array (n, ...); of a frame also how to make one of other values."""

    values: NDArray
    make_frame: Callable[[NDArray], Any] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Self:
        return self.replaced(self.values[rows])

    def replaced(self, values: NDArray) -> Self:
        """Other values of the same kind."""
        return replace(self, values=values)

    def given(self) -> Any:
        """The samples as the feature extractor is to get them: with column names if they had."""
        return self.values if self.make_frame is None else self.make_frame(self.values)

    @property
    def width(self) -> int:
        """Number of values in a sample."""
        return int(np.prod(self.values.shape[1:], dtype=np.int64))


def raw_inputs(owner: Any, X: Any, *, reset: bool) -> RawInputs:
    """Check raw inputs; names and number of columns are stored in the owner, or compared."""
    make_frame = _frame_maker(X)
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


def _frame_maker(X: Any) -> Callable[[NDArray], Any] | None:
    """Make a frame of an array's columns: pandas and polars both take a dict of these."""
    if not hasattr(X, "columns"):
        return None
    make, names = type(X), list(X.columns)
    return lambda values: make(dict(zip(names, values.T, strict=True)))
