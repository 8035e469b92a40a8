"""Checks of the members of an `OutlierEnsemble`."""

from __future__ import annotations

from typing import Any

from .._validation import parameter_error


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
