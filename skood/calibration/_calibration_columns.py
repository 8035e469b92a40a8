"""The columns of a conformal detector's rows: bins from rows other than calibration rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from .._validation import pipeline_steps, select_rows
from ..rows.sampling import uniform_sample
from .column_bins import COUNTED_ROWS, FIT_ROWS, ColumnBins, is_table


def calibration_columns(
    owner: Any, X: Any, fitted: NDArray[np.intp], rows: NDArray[np.intp]
) -> ColumnBins | None:
    """The bins of columns, with counts of calibration rows; None if X is no table in memory.

    Also None for rows drawn class by class, which are no sample of all rows.

    `fitted` and `rows` are positions of the detector's training rows and of the calibration rows.
    If all rows are calibration rows, a quarter of them makes the bins and is not counted.
    """
    detector = owner.detector_
    if owner.class_conditional or not is_table(X):
        return None
    if isinstance(detector, FrozenEstimator):
        drawn = uniform_sample(len(rows), min(FIT_ROWS, max(len(rows) // 4, 1)), seed=1)
        fitted, rows = rows[drawn], np.delete(rows, drawn)
    fitted = fitted[uniform_sample(len(fitted), FIT_ROWS, seed=0)]
    rows = rows[uniform_sample(len(rows), COUNTED_ROWS, seed=0)]
    if not len(rows):
        return None
    return ColumnBins.of(select_rows(X, fitted), select_rows(X, rows), _schema(detector))


def _schema(detector: Any) -> Any:
    """The schema of a table's columns, from the first step."""
    steps, last = pipeline_steps(detector)
    return getattr(steps[0] if steps else last, "schema_", None) or ()
