"""Whether training rows tell without labels that they are not clean."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from _contamination.sets import ContaminatedSet
from skood import make_outlier_detector

FALSE_ALARMS = 0.05


def is_warned(train: NDArray) -> bool:
    """Whether the tabular-fast preset warns of columns that a few values rule."""
    detector = make_outlier_detector("tabular-fast").set_params(n_folds=2, threshold_samples=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        detector.fit(train)
    return any("rule the column" in str(warning.message) for warning in caught)


def groups_among_the_odd(train: NDArray, odd: float = 0.02) -> float:
    """How many of the least typical rows lie in tight groups, as a share of them.

    The least typical are those whose 50th nearest row is the furthest. In a tight group is a row
    whose 5th nearest row is nearer, in units of this distance, than that of 95 % of the others.
    """
    rows = StandardScaler().fit_transform(train)
    wide = min(50, len(rows) // 2)
    distances = NearestNeighbors(n_neighbors=wide).fit(rows).kneighbors()[0]
    ratio = distances[:, 4] / np.maximum(distances[:, -1], np.finfo(float).tiny)
    order = np.argsort(distances[:, -1])
    cut = len(rows) - max(1, int(odd * len(rows)))
    return float((ratio[order[cut:]] < np.quantile(ratio[order[:cut]], 0.05)).mean())


def signs(one: ContaminatedSet) -> list[list[float]]:
    """Both signs at each level; of a set for choice on clean rows only."""
    tasks = one.tasks(seed=0)[: 1 if one.is_for_choice else None]
    return [[is_warned(task.train), groups_among_the_odd(task.train)] for task in tasks]
