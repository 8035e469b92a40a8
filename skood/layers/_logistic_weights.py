"""Weights of the layers, learnt from rows that are known to be out-of-distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_consistent_length, column_or_1d

_FEWEST = 2  # rows of each kind
_MAX_ITERATIONS = 1000
_FURTHEST = 1e6  # standard deviations; the solver loses its way among much larger values


def is_in_distribution(
    owner: object, X: Any, y: Any, *, class_labels: bool = False
) -> NDArray[np.bool_]:
    """Read the labels +1 and -1 of the training rows; raise where there are others or too few.

    With `class_labels` the in-distribution rows may have any labels that are whole numbers but -1.
    """
    inner = "class labels (whole numbers)" if class_labels else "+1"
    needed = (
        f"combine='logistic' of {type(owner).__name__} needs labels in y: {inner} for "
        f"in-distribution rows, -1 for out-of-distribution rows, at least {_FEWEST} of each."
    )
    if y is None:
        raise ValueError(f"{needed} Got None instead.")
    labels = column_or_1d(y)
    check_consistent_length(X, labels)
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


def logistic_weights(
    inside: NDArray[np.float64], outside: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Coefficients of the layers and intercept, positive towards in-distribution.

    Both arrays are standardised layer values, one column a layer.
    """
    model = LogisticRegression(class_weight="balanced", max_iter=_MAX_ITERATIONS)
    labels = np.repeat([1, -1], [len(inside), len(outside)])
    values = np.clip(np.vstack([inside, outside]), -_FURTHEST, _FURTHEST)
    model.fit(values, labels)
    return model.coef_[0], float(model.intercept_[0])
