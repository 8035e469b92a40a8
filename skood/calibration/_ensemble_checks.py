"""What an `OutlierEnsemble` may be made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import parameter_error

_NUMBERS = (float, int, np.floating, np.integer)


def check_members(ensemble: Any) -> None:
    """Raise unless `estimators` are named detectors or Pipelines."""
    value = ensemble.estimators
    is_list = isinstance(value, list | tuple) and len(value) > 0
    if not is_list or not all(isinstance(one, list | tuple) and len(one) == 2 for one in value):
        raise parameter_error(ensemble, "estimators", "a list of (name, estimator) tuples", value)
    names = [name for name, _ in value]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise parameter_error(ensemble, "estimators", "a list with unique names", names)
    if taken := [n for n in names if "__" in n or n in ensemble.get_params(deep=False)]:
        allowed = "a list of names without '__' that are no parameters of the ensemble"
        raise parameter_error(ensemble, "estimators", allowed, taken[0])
    for name, estimator in value:
        if isinstance(estimator, type) or not hasattr(estimator, "score_samples"):
            allowed = f"an estimator with `score_samples` for {name!r}"
            raise parameter_error(ensemble, "estimators", allowed, estimator)


def check_weights(ensemble: Any) -> None:
    """Raise unless `weights` are None or a positive number for each member."""
    weights, n = ensemble.weights, len(ensemble.estimators)
    if weights is None:
        return
    values = list(weights) if np.iterable(weights) else []
    if len(values) != n or not all(
        isinstance(w, _NUMBERS) and not isinstance(w, bool) and 0 < w < np.inf for w in values
    ):
        allowed = f"{n} positive numbers, one for each estimator, or None"
        raise parameter_error(ensemble, "weights", allowed, weights)
