"""The feature extractor of an estimator that scores layers: checks, fit, calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags

from .._validation import check_extracted, parameter_error
from ..measures.blocks import slices
from ._seeded_clone import seeded_clone
from .groups import Layers, find_layers
from .inputs import RawInputs

_BLOCK_VALUES = 1 << 20  # of inputs or features at a time, so that memory does not grow with rows


def check_extractor(owner: Any) -> None:
    """Raise unless the owner's extractor transforms, or there is none."""
    extractor = owner.feature_extractor
    if extractor is not None and (
        isinstance(extractor, type)
        or not all(hasattr(extractor, name) for name in ("fit", "transform"))
    ):
        raise parameter_error(owner, "feature_extractor", "a transformer or None", extractor)


def extractor_tags(owner: Any, tags: Any) -> Any:
    """scikit-learn's tags of the owner: its extractor's inputs, and whether it needs labels."""
    if owner.feature_extractor is not None:
        tags.input_tags = get_tags(owner.feature_extractor).input_tags
    tags.target_tags.required = owner.combine == "logistic"
    return tags


def fit_extractor(owner: Any, X: Any, y: Any) -> tuple[Any, Any, Sequence[str] | None]:
    """The owner's extractor fitted (None without one), and the groups and names of its features.

    Without an extractor these are the owner's own.
    """
    if owner.feature_extractor is None:
        return None, owner.groups, getattr(owner, "feature_names_in_", None)
    extractor = seeded_clone(owner.feature_extractor, owner.random_state)
    owner.feature_extractor_ = extractor = extractor.fit(X, y)
    groups, names = owner.groups, None
    if groups is None:
        groups = getattr(extractor, "feature_groups_", None)
    if hasattr(extractor, "get_feature_names_out"):
        names = extractor.get_feature_names_out()
    return extractor, groups, names


def fit_layers(owner: Any, inputs: RawInputs, y: Any) -> tuple[Any, Layers, int]:
    """The fitted extractor (None without one), the columns of each layer, and their number."""
    extractor, groups, names = fit_extractor(owner, inputs.given(), y)
    n_features = extract(extractor, inputs[:2]).shape[1]
    return extractor, find_layers(owner, groups, names, n_features), n_features


def opened(extractor: Any) -> AbstractContextManager[Any]:
    """The extractor for a block of many calls.

    An extractor with `_opened` prepares its module once for the whole block.
    """
    return extractor._opened() if hasattr(extractor, "_opened") else nullcontext(extractor)


def extract(extractor: Any, inputs: RawInputs) -> NDArray[Any]:
    """Features of inputs; without an extractor the inputs themselves."""
    if extractor is None:
        return inputs.values
    return check_extracted(extractor.transform(inputs.given()))


def blocks_of(
    extractor: Any, inputs: RawInputs, rows: NDArray[np.intp] | None, n_features: int
) -> Iterator[tuple[slice, RawInputs]]:
    """Blocks of inputs (or of some rows of them), and the place of each block among them."""
    n = len(inputs) if rows is None else len(rows)
    # A whole number of the extractor's own batches: it would fill up the last of any other.
    batch = _batch_size(extractor)
    step = max(1, _BLOCK_VALUES // max(1, inputs.width, n_features) // batch) * batch
    for part in slices(n, step):
        yield part, inputs[part if rows is None else rows[part]]


def _batch_size(extractor: Any) -> int:
    """The batch size of the extractor or of a step of it; 1 without one."""
    if not hasattr(extractor, "get_params"):
        return 1
    sizes = [
        int(value)
        for name, value in extractor.get_params().items()
        if name.rpartition("__")[2] == "batch_size" and isinstance(value, Integral)
    ]
    return max([1, *sizes])
