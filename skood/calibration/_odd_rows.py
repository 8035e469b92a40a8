"""The training rows that a Pipeline leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_labels, count_rows, discrete_classes
from ._calibration_rows import known_rows, last_inputs, learns_from_labels
from ._typicality import least_typical


def odd_rows(pipeline: Any, X: Any, y: Any) -> NDArray[np.intp]:
    """Positions of the rows that are the least typical by what reaches the fitted last step.

    They are at most the share `trim` of each class, ascending.
    """
    labels = check_labels(y, count_rows(X))
    known = known_rows(pipeline, labels, count_rows(X))
    if learns_from_labels(pipeline) or discrete_classes(labels) is None:
        labels = None
    features = np.asarray(last_inputs(pipeline, X))
    return known[least_typical(features[known], pipeline.trim, labels)]
