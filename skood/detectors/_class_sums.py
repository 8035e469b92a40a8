"""Sums over the rows of each class, while rows and classes are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.row_moments import RowMoments, moments_of_rows
from ._row_scaling import RowScaling

_BLOCK_BYTES = 1 << 26  # of rows in float64 at a time: few blocks for many classes


@dataclass(frozen=True)
class ClassSums:
    """The sums of the classes 0, 1, ..., and the class of each row."""

    of_classes: Sequence[RowMoments | None] = ()  # None: no rows of it yet
    row_classes: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    @property
    def moments(self) -> list[RowMoments]:
        """The sums of the classes that have rows."""
        return [moments for moments in self.of_classes if moments is not None]

    def placed(self, places: NDArray[np.intp], n_classes: int) -> ClassSums:
        """The same classes at other places among `n_classes`."""
        of_classes: list[RowMoments | None] = [None] * n_classes
        for place, moments in zip(places, self.of_classes, strict=True):
            of_classes[place] = moments
        return ClassSums(of_classes, places[self.row_classes])

    def added(self, X: NDArray, codes: NDArray[np.intp], scaling: RowScaling) -> ClassSums:
        """The sums with more rows, whose classes are `codes`."""
        of_classes = [*self.of_classes]
        for part in slices(X.shape[0], _BLOCK_BYTES, each=8 * X.shape[1]):
            rows = scaling.scaled(X[part], first=part.start)
            for code in np.unique(codes[part]):
                members = codes[part] == code
                of_classes += [None] * (int(code) + 1 - len(of_classes))
                moments = moments_of_rows(rows if members.all() else rows[members])
                before = of_classes[code]
                of_classes[code] = moments if before is None else before.merged(moments)
        return ClassSums(of_classes, np.concatenate([self.row_classes, codes]))
