"""The training rows behind a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional


@dataclass(frozen=True, eq=False)
class ExplainedNeighbors:
    """The nearest training rows of each explained row, and their weights.

    Attributes
    ----------
    indices : ndarray of shape (n_samples, k)
        Positions of the training rows, nearest first.
    distances : ndarray of shape (n_samples, k)
        Their distances, in the metric of the detector.
    weights : ndarray of shape (n_samples, k)
        Their weights in the score, as the detector's `explain` defines them.
    classes : ndarray of shape (n_samples, k) or None
        Their class labels, if `fit` got class labels.
    """

    indices: NDArray[np.intp]
    distances: NDArray[np.float64]
    weights: NDArray[np.float64]
    classes: NDArray | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, rows: Any) -> ExplainedNeighbors:
        parts = (self.indices, self.distances, self.weights, self.classes)
        return ExplainedNeighbors(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]

    def to_frame(self) -> Any:
        """Make a table with one line for each neighbour of each row.

        Returns
        -------
        pandas.DataFrame
            With the columns ``row`` (position among the explained rows), ``position`` (among the
            training rows), ``distance``, ``weight`` and, with class labels, ``class``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "io", needed_by="ExplainedNeighbors.to_frame")
        n, k = self.indices.shape
        columns = {
            "row": np.repeat(np.arange(n), k),
            "position": self.indices.ravel(),
            "distance": self.distances.ravel(),
            "weight": self.weights.ravel(),
        }
        if self.classes is not None:
            columns["class"] = self.classes.ravel()
        return pandas.DataFrame(columns)
