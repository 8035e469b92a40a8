"""The rows that an `OutlierPipeline` leaves out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from .._validation import check_labels, count_rows, discrete_classes
from ._calibration_rows import known_rows, last_inputs, learns_from_labels
from ._typicality import least_typical


def odd_rows(pipeline: Any, X: Any, y: Any, fit_params: Mapping[str, Any]) -> NDArray[np.intp]:
    """Positions of the rows that are the least typical by the inputs of the last step.

    At most the share `trim` of each class, ascending. All steps except the last are fitted.
    """
    labels = check_labels(y, count_rows(X))
    known = known_rows(pipeline, labels, count_rows(X))
    if learns_from_labels(pipeline) or discrete_classes(labels) is None:
        labels = None
    *transformers, (last, _) = pipeline.steps
    first_steps = Pipeline([*transformers, (last, "passthrough")], memory=pipeline.memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the fit without odd rows warns
        first_steps.fit(X, y, **fit_params)
    features = np.asarray(last_inputs(first_steps, X))
    return known[least_typical(features[known], pipeline.trim, labels)]
