"""The in-distribution training rows, by labels +1 and -1 in the y of `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_labels
from .inputs import RawInputs

_FEWEST = 2  # rows of each kind


def is_in_distribution(
    owner: object, X: Any, y: Any, *, class_labels: bool = False
) -> NDArray[np.bool_]:
    """Read the labels +1 and -1 of the training rows; raise if there are others or too few.

    With `class_labels` in-distribution rows may have any whole number except -1 as label.
    """
    inner = "class labels (whole numbers)" if class_labels else "+1"
    needed = (
        f"combine='logistic' of {type(owner).__name__} needs labels in y: {inner} for "
        f"in-distribution rows, -1 for out-of-distribution rows, at least {_FEWEST} of each."
    )
    if y is None:
        raise ValueError(f"{needed} Got None instead.")
    labels = np.asarray(check_labels(y, len(X)))
    values = np.unique(labels)
    valid = labels.dtype.kind in "iuf"
    valid = valid and bool((np.isin(values, (-1, 1)) | (class_labels & (values % 1 == 0))).all())
    if not valid:
        shown = ", ".join(map(repr, values[:5].tolist())) + (", ..." if len(values) > 5 else "")
        raise ValueError(f"{needed} Got the labels {shown} instead.")
    inside = labels != -1
    n_inside = int(inside.sum())
    if min(n_inside, len(labels) - n_inside) < _FEWEST:
        raise ValueError(
            f"{needed} Got {n_inside} of {'these' if class_labels else '+1'} and "
            f"{len(labels) - n_inside} of -1 instead."
        )
    return inside


def split_by_label(
    owner: Any, inputs: RawInputs, y: Any, *, class_labels: bool = False
) -> tuple[NDArray[np.intp], RawInputs, RawInputs | None]:
    """Positions of the in-distribution inputs, these inputs, and the others.

    There are others only with ``combine="logistic"``, which needs labels; else None.
    """
    if owner.combine != "logistic":
        return np.arange(len(inputs)), inputs, None
    inside = is_in_distribution(owner, inputs.values, y, class_labels=class_labels)
    positions = np.flatnonzero(inside)
    return positions, inputs[positions], inputs[np.flatnonzero(~inside)]
