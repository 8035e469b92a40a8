"""What is asked of an estimator that another one wraps."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from .._validation import last_step, parameter_error


def check_methods(owner: BaseEstimator, name: str, methods: tuple[str, ...]) -> None:
    """Raise unless a parameter is an estimator (not a class) with all of these methods."""
    value = getattr(owner, name)
    if isinstance(value, type) or not all(hasattr(value, method) for method in methods):
        listed = " and ".join(f"`{method}`" for method in methods)
        raise parameter_error(owner, name, f"an estimator with {listed}", value)


def adopt_columns(owner: BaseEstimator, fitted: Any) -> None:
    """Number and names of the columns become what a fitted estimator has, or are forgotten."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(fitted, name):
            setattr(owner, name, getattr(fitted, name))
        elif hasattr(owner, name):
            delattr(owner, name)


def learns_from_labels(estimator: Any) -> bool:
    """Whether an estimator, or the last step of a Pipeline, can't be fitted without labels."""
    detector = last_step(estimator)
    return hasattr(detector, "__sklearn_tags__") and get_tags(detector).target_tags.required
