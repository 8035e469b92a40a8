"""Rows for a library that searches in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.powers_of_two import power_of_two

_SAFE_VALUE = 1e15  # float32 does not hold the square of a larger value
_ROW_BLOCK = 1 << 14


class Points:
    """Rows minus their centre, in a unit in which the largest value is about 1.

    float32 loses digits of rows far from the origin, and squares of very large or small values.
    Rows are divided by `norms`, their lengths, if these are given.
    """

    def __init__(self, rows: NDArray, norms: NDArray[np.float64] | None) -> None:
        largest = 1.0 if norms is not None else max(float(rows.max()), -float(rows.min()))
        largest = max(largest, float(np.finfo(np.float64).tiny))
        self.unit = float(power_of_two(0.5 * largest))
        self.centre: NDArray[np.float64] | float = 0.0
        total = np.zeros(rows.shape[1])
        for part in slices(len(rows), _ROW_BLOCK):
            total += self._float64(rows[part], None if norms is None else norms[part]).sum(axis=0)
        self.centre = total / len(rows)

    def of(
        self, rows: NDArray, norms: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The points of rows, and whether float32 can search them; the others become zeros."""
        points = self._float64(rows, norms)
        safe = np.abs(points).max(axis=1) < _SAFE_VALUE
        points[~safe] = 0.0
        return points.astype(np.float32), safe

    def _float64(self, rows: NDArray, norms: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if norms is not None:
            rows = rows / norms[:, np.newaxis]
        with np.errstate(over="ignore"):  # an inf counts as not safe
            return np.divide(rows, self.unit, dtype=np.float64) - self.centre
