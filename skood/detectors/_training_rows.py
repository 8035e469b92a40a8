"""The training rows of a detector, each with itself left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neighbors import Neighbors


class TrainingRows:
    """Training rows in an index of this process; those at `rows` set the threshold.

    `neighbors` are the neighbours of all rows if the detector learns from them, else of `rows`.
    """

    def __init__(self, detector: Any, rows: NDArray[np.intp], neighbors: Neighbors) -> None:
        self.detector = detector
        self.rows = rows
        self._found = neighbors

    def neighbors(self) -> Neighbors:
        """The neighbours of all training rows."""
        return self._found

    def measured(self, measure: str) -> NDArray[np.float64]:
        """A measure of all training rows; `measure` names the method of the detector."""
        method = getattr(self.detector, measure)
        return method(self.detector.index_.training_rows_, self._found)[0]

    def scores(self) -> tuple[NDArray[np.float64], int]:
        """Scores of the rows that set the threshold, and the number of searches that failed."""
        neighbors = self._found
        if self.detector._uses_all_training_neighbors:
            neighbors = Neighbors(neighbors.indices[self.rows], neighbors.distances[self.rows])
        return self.detector._score(self.detector.index_.training_rows_[self.rows], neighbors)
