"""The choice of calibration rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from .._validation import (
    check_labels,
    count_rows,
    last_step,
    parameter_error,
    positions_inside,
    select_rows,
    signs_of,
)

_FEWEST_ROWS = 3  # each fold's fit needs two rows, and leaves one out


def draw_rows(
    owner: Any, n_samples: int, labels: NDArray | None, generator: np.random.RandomState
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the rows for the fit of the owner's detector, and of the calibration rows."""
    everything = np.arange(n_samples)
    inside = known_rows(owner.detector, labels, n_samples)
    if isinstance(owner.detector, FrozenEstimator):
        return everything, inside
    if owner.class_conditional and labels is not None:
        rows = _some_of_each_class(inside, labels[inside], owner.calibration_size, generator)
    else:
        rows = _some(inside, owner.calibration_size, generator)
    return np.setdiff1d(everything, rows), rows


def learns_from_labels(estimator: Any) -> bool:
    """Whether an estimator, or the last step of a Pipeline, can't be fitted without labels."""
    detector = last_step(estimator)
    return hasattr(detector, "__sklearn_tags__") and get_tags(detector).target_tags.required


def _some(
    positions: NDArray[np.intp], share: float, generator: np.random.RandomState
) -> NDArray[np.intp]:
    """Draw a share of the positions: at least one is drawn and at least one is left."""
    if len(positions) < 2:
        raise ValueError(
            f"ConformalOutlierDetector got {len(positions)} sample(s) that are in-distribution, "
            "but a minimum of 2 is required: one to fit the detector and one to calibrate it."
        )
    n_drawn = min(max(round(share * len(positions)), 1), len(positions) - 1)
    return np.sort(generator.choice(positions, n_drawn, replace=False))


def _some_of_each_class(
    positions: NDArray[np.intp],
    labels: NDArray,
    share: float,
    generator: np.random.RandomState,
) -> NDArray[np.intp]:
    """Draw the same share of each class; `labels` are those of the positions."""
    drawn = []
    for label in np.unique(labels).tolist():
        members = positions[labels == label]
        if len(members) < 2:
            raise ValueError(
                "class_conditional=True of ConformalOutlierDetector needs at least 2 rows of each "
                f"class. Got 1 row of the class {label!r} instead."
            )
        drawn.append(_some(members, share, generator))
    return np.sort(np.concatenate(drawn))


def is_outside(labels: NDArray | None, n_samples: int) -> NDArray[np.bool_]:
    """The rows that are labelled out-of-distribution, if all labels are +1 or -1."""
    signs = signs_of(labels)
    return np.zeros(n_samples, dtype=bool) if signs is None else signs == -1


def known_rows(detector: Any, labels: NDArray | None, n_samples: int) -> NDArray[np.intp]:
    """Positions of the rows for a detector: none of -1, unless it learns from such labels.

    Otherwise -1 would become a class.
    """
    if learns_from_labels(detector):
        return np.flatnonzero(~is_outside(labels, n_samples))
    return np.arange(n_samples)


def last_inputs(pipeline: Any, X: Any) -> Any:
    """The rows as the last step of a fitted Pipeline gets them."""
    for _, _, step in pipeline._iter(with_final=False):
        X = step.transform(X)
    return X


def check_steps(pipeline: Any) -> None:
    """Raise unless the parameter `steps` is a list that ends in a detector."""
    steps = pipeline.steps
    is_list = isinstance(steps, list | tuple) and len(steps) > 0
    is_list = is_list and all(isinstance(one, list | tuple) and len(one) == 2 for one in steps)
    last = steps[-1][1] if is_list else None
    if isinstance(last, type) or not hasattr(last, "score_samples"):
        allowed = "a list of (name, estimator) tuples, the last with `score_samples`"
        raise parameter_error(pipeline, "steps", allowed, steps)


def settled(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Steps for fits on some of the rows: a step that decides on columns keeps its decisions."""
    return [(name, step.settled() if hasattr(step, "settled") else step) for name, step in steps]


class OverFolds:
    """Mixin of estimators whose threshold comes from fits without some of the training rows."""

    def training_positions(self, n_samples: int, y: Any) -> NDArray[np.intp]:
        """Positions of the training rows: the rows of +1 if all labels are +1 or -1, else all rows.

        Parameters
        ----------
        n_samples : int
            Number of rows given.
        y : array-like of shape (n_samples,) or None
            Their labels.

        Returns
        -------
        ndarray of int
            Positions, ascending.
        """
        inside = None if learns_from_labels(self) else positions_inside(self, y, n_samples)
        return np.arange(n_samples) if inside is None else inside

    def _training_rows(self, X: Any, y: Any, groups: Any) -> tuple[NDArray[np.intp], Any, Any, Any]:
        """Positions of the training rows, and the training rows with their labels."""
        n_given = count_rows(X)
        inside = self.training_positions(n_given, y)
        if len(inside) < n_given:
            X, y = select_rows(X, inside), select_rows(y, inside)
            groups = None if groups is None else select_rows(groups, inside)
        return inside, X, y, groups

    def _threshold_positions(self: Any, n_samples: int, y: Any) -> NDArray[np.intp]:
        """Positions among the training rows of those that set the threshold."""
        if n_samples < _FEWEST_ROWS:
            raise ValueError(
                f"Found array with {n_samples} sample(s) while a minimum of {_FEWEST_ROWS} is "
                f"required by {type(self).__name__}: each fit of a fold leaves rows out."
            )
        kept = self._draw_threshold_rows(n_samples)
        if learns_from_labels(self):
            kept = kept[~is_outside(check_labels(y, n_samples), n_samples)[kept]]
        return kept
