"""From inputs to the features of a network's layers, for estimators that score layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import (
    check_extracted,
    check_new_rows,
    check_training_rows,
    parameter_error,
)
from ..measures.blocks import slices
from . import Layers, find_layers, seeded_clone
from .raw_inputs import RawInputs, raw_inputs

_BLOCK_VALUES = 1 << 20  # of inputs or features at a time, so that memory does not grow with rows


def check_extractor(owner: Any) -> None:
    """Raise unless the owner's extractor transforms, and has gradients where they are needed."""
    extractor = owner.feature_extractor
    if extractor is not None and (
        isinstance(extractor, type)
        or not all(hasattr(extractor, name) for name in ("fit", "transform"))
    ):
        raise parameter_error(owner, "feature_extractor", "a transformer or None", extractor)
    if owner.perturbation and not hasattr(extractor, "gradient"):
        allowed = (
            "0 unless 'feature_extractor' has a method gradient(X, objective), as "
            "skood.deep.TorchFeatureTransformer has"
        )
        raise parameter_error(owner, "perturbation", allowed, owner.perturbation)


def training_inputs(owner: Any, X: Any) -> RawInputs:
    """Check the inputs of `fit`; rows of features where the owner has no extractor."""
    if owner.feature_extractor is not None:
        return raw_inputs(owner, X, reset=True)
    rows = check_training_rows(owner, X)
    owner._dtype = rows.dtype
    return RawInputs(rows)


def new_inputs(owner: Any, X: Any) -> RawInputs:
    """Check inputs that are to be scored."""
    if hasattr(owner, "feature_extractor_"):
        return raw_inputs(owner, X, reset=False)
    return RawInputs(check_new_rows(owner, X, owner._dtype))


def fit_layers(owner: Any, inputs: RawInputs, y: Any) -> tuple[Any, Layers, int]:
    """The fitted extractor (None without one), the columns of each layer, and their number."""
    names, groups, extractor = getattr(owner, "feature_names_in_", None), owner.groups, None
    if owner.feature_extractor is not None:
        extractor = seeded_clone(owner.feature_extractor, owner.random_state)
        owner.feature_extractor_ = extractor = extractor.fit(inputs.given(), y)
        if groups is None:
            groups = getattr(extractor, "feature_groups_", None)
        names = None
        if hasattr(extractor, "get_feature_names_out"):
            names = extractor.get_feature_names_out()
    n_features = extract(extractor, inputs[:2]).shape[1]
    return extractor, find_layers(owner, groups, names, n_features), n_features


def blocks_of(
    extractor: Any, inputs: RawInputs, rows: NDArray[np.intp] | None, n_features: int
) -> Iterator[tuple[slice, RawInputs]]:
    """Some inputs at a time, by default of all, and where they stand among those asked for."""
    n = len(inputs) if rows is None else len(rows)
    # A whole number of the extractor's own batches: of another it would fill up the last.
    batch = _batch_size(extractor)
    step = max(1, _BLOCK_VALUES // max(1, inputs.width, n_features) // batch) * batch
    for part in slices(n, step):
        yield part, inputs[part if rows is None else rows[part]]


def opened(extractor: Any) -> AbstractContextManager[Any]:
    """What extracts features and gives gradients in a block.

    An extractor that has to prepare its module does so once for the block, where it has `_opened`.
    """
    return extractor._opened() if hasattr(extractor, "_opened") else nullcontext(extractor)


def extract(extractor: Any, inputs: RawInputs) -> NDArray:
    """Features of inputs, which are these themselves without an extractor."""
    if extractor is None:
        return inputs.values
    return check_extracted(extractor.transform(inputs.given()))


def side_by_side(columns: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Columns that stand side by side as a slice: a view, and cheap to differentiate."""
    first = int(columns[0])
    if np.array_equal(columns, np.arange(first, first + len(columns))):
        return slice(first, first + len(columns))
    return columns


def _batch_size(extractor: Any) -> int:
    """The batch size of the extractor or of a step of it; 1 where it has none."""
    if not hasattr(extractor, "get_params"):
        return 1
    found = [
        value
        for name, value in extractor.get_params().items()
        if name.rpartition("__")[2] == "batch_size" and isinstance(value, Integral)
    ]
    return max([1, *map(int, found)])
