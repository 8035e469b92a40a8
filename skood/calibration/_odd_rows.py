"""The training rows that a Pipeline leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_labels, count_rows, discrete_classes
from ._calibration_rows import is_outside, learns_from_labels
from ._typicality import least_typical


def odd_rows(pipeline: Any, X: Any, y: Any) -> NDArray[np.intp]:
    """Positions of the rows that are the least typical by what reaches the fitted last step.

    They are at most the share `trim` of each class, ascending.
    """
    labels, known = check_labels(y, count_rows(X)), np.arange(count_rows(X))
    if learns_from_labels(pipeline):
        known, labels = known[~is_outside(labels, len(known))], None
    elif discrete_classes(labels) is None:
        labels = None
    for _, _, step in pipeline._iter(with_final=False):
        X = step.transform(X)
    return known[least_typical(np.asarray(X)[known], pipeline.trim, labels)]
