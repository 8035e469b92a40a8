"""What a detector is made of: transformers, the detector itself, and what takes its scores on."""

from __future__ import annotations

from typing import Any

from sklearn.frozen import FrozenEstimator


def last_step(estimator: Any) -> tuple[Any, list[Any]]:
    """The detector at the end of Pipelines, and the transformers before it."""
    before: list[Any] = []
    while True:
        if hasattr(estimator, "steps"):
            before += [step for _, step in estimator.steps[:-1] if hasattr(step, "transform")]
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            return estimator, before


def call(estimator: Any, method: str, rows: Any, options: dict[str, Any]) -> Any:
    """A method of the detector; a Pipeline, which has no `p_values`, lends it its steps."""
    if hasattr(estimator, method):
        return getattr(estimator, method)(rows, **options)
    final, before = last_step(estimator)
    for step in before:
        rows = step.transform(rows)
    return getattr(final, method)(rows, **options)
