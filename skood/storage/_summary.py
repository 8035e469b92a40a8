"""The summary of an estimator in the manifest, to be read without loading the estimator."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ._names import stable_name

# Attributes with the number of training rows, the most reliable first.
_COUNTS = ("n_samples_fit_", "n_samples_seen_")
_ROWS = ("training_rows_", "_row_classes")


def summary_of(estimator: Any) -> dict[str, Any]:
    """Steps, features and the number of training rows; None where unknown.

    A step is an estimator: its depth within other estimators, its type, and its parameters that are
    not the defaults, in the order in which rows pass them.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import make_outlier_detector
    >>> from skood.storage._summary import summary_of
    >>> summary = summary_of(make_outlier_detector().fit(np.eye(30)))
    >>> [step["type"].rpartition(".")[2] for step in summary["steps"][:4]]
    ['OutlierPipeline', 'TableScaler', 'OutlierEnsemble', 'LCPOutlierDetector']
    >>> summary["n_features"], summary["training_rows"]
    (30, 30)
    """
    first = _first_with(estimator, "n_features_in_")
    names = getattr(first, "feature_names_in_", None)
    return {
        "steps": _steps(estimator, 0),
        "n_features": getattr(first, "n_features_in_", None),
        "features": None if names is None else [str(name) for name in names],
        "training_rows": _training_rows(estimator),
    }


def _steps(estimator: Any, depth: int) -> list[dict[str, Any]]:
    kind = type(estimator)
    steps = [
        {
            "depth": depth,
            "type": stable_name(f"{kind.__module__}.{kind.__qualname__}"),
            "parameters": _changed_parameters(estimator),
        }
    ]
    for part in _parts(estimator):
        steps += _steps(part, depth + 1)
    return steps


def _parts(estimator: Any) -> list[Any]:
    """The estimators in an estimator; a fitted clone in place of its original."""
    if hasattr(estimator, "steps"):
        return [step for _, step in estimator.steps if hasattr(step, "get_params")]
    if hasattr(estimator, "named_estimators_"):
        return [one for one in estimator.named_estimators_.values() if hasattr(one, "get_params")]
    columns = getattr(estimator, "transformers_", getattr(estimator, "transformers", None))
    if columns is not None:
        return [part for _, part, *_ in columns if hasattr(part, "get_params")]
    for name in ("detector_", "estimator_", "detector", "estimator"):
        if hasattr(getattr(estimator, name, None), "get_params"):
            return [getattr(estimator, name)]
    return []


def _changed_parameters(estimator: Any) -> dict[str, str]:
    """Parameters with plain values that are not the defaults."""
    expected = inspect.signature(type(estimator).__init__).parameters
    return {
        name: repr(value)
        for name, value in estimator.get_params(deep=False).items()
        if isinstance(value, bool | int | float | str)
        and not (name in expected and repr(expected[name].default) == repr(value))
    }


def _first_with(estimator: Any, name: str) -> Any:
    """The estimator itself, or its first part with the attribute; None without any."""
    if hasattr(estimator, name):
        return estimator
    owners = (_first_with(part, name) for part in _parts(estimator))
    return next((owner for owner in owners if owner is not None), None)


def _training_rows(estimator: Any) -> int | None:
    for name in _COUNTS:
        count = getattr(estimator, name, None)
        if count is not None and np.ndim(count) == 0:
            return int(count)
    for name in _ROWS:
        if getattr(estimator, name, None) is not None:
            return len(getattr(estimator, name))
    parts = [getattr(estimator, "index_", None), *_parts(estimator)]
    counts = (_training_rows(part) for part in parts if part is not None)
    return next((count for count in counts if count is not None), None)
