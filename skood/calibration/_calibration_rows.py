"""Which rows calibrate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_some(
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


def draw_some_of_each_class(
    positions: NDArray[np.intp],
    labels: NDArray,
    share: float,
    generator: np.random.RandomState,
) -> NDArray[np.intp]:
    """The same share of each class; `labels` are those of the positions."""
    drawn = []
    for label in np.unique(labels).tolist():
        members = positions[labels == label]
        if len(members) < 2:
            raise ValueError(
                "class_conditional=True of ConformalOutlierDetector needs at least 2 rows of each "
                f"class. Got 1 row of the class {label!r} instead."
            )
        drawn.append(draw_some(members, share, generator))
    return np.sort(np.concatenate(drawn))


def is_outside(labels: NDArray | None, n_samples: int) -> NDArray[np.bool_]:
    """Which rows are labelled out-of-distribution, where all labels are +1 or -1."""
    if labels is None or labels.dtype.kind not in "iuf" or not np.isin(labels, (-1, 1)).all():
        return np.zeros(n_samples, dtype=bool)
    return labels == -1
