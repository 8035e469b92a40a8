"""Sums over a part of the rows, for a fit of class Gaussians over all parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .._validation import check_training_rows
from ..measures.row_moments import RowMoments
from ..rows.fingerprints import RowFingerprints
from ._class_sums import ClassSums
from ._row_scaling import RowScaling


@dataclass(frozen=True)
class GaussianSums:
    """Sums over some rows; the sums over the next rows can be merged into them."""

    moments: Mapping[int, RowMoments]  # by the code of the class
    fingerprints: RowFingerprints
    sample: NDArray  # the rows that set the threshold

    def by_class(self) -> list[RowMoments]:
        """The sums of the classes 0, 1, ..., all of which have rows."""
        return [self.moments[code] for code in range(len(self.moments))]

    def merged(self, other: GaussianSums) -> GaussianSums:
        """The sums over these rows and the others after them."""
        moments = dict(self.moments)
        for code, added in other.moments.items():
            moments[code] = moments[code].merged(added) if code in moments else added
        return GaussianSums(
            moments,
            self.fingerprints.merged(other.fingerprints),
            np.concatenate([self.sample, other.sample]),
        )


def sums_of_part(
    X: Any, detector: Any, codes: NDArray[np.intp], sampled: NDArray[np.intp]
) -> GaussianSums:
    """Sums over a part of the rows; the rows at `sampled` set the threshold."""
    detector = clone(detector)
    rows = check_training_rows(detector, X, min_samples=1)
    present, places = np.unique(codes, return_inverse=True)
    scaling = RowScaling(detector.normalize, type(detector).__name__)
    sums = ClassSums().added(rows, places, scaling)
    moments = dict(zip(present.tolist(), sums.moments, strict=True))
    return GaussianSums(moments, RowFingerprints(rows), rows[sampled])


def arguments_of_parts(
    detector: Any, sizes: Sequence[int], codes: NDArray[np.intp], sampled: NDArray[np.intp]
) -> list[tuple[Any, NDArray[np.intp], NDArray[np.intp]]]:
    """Arguments of `sums_of_part` besides the rows, for parts of these sizes."""
    plain = clone(detector)
    edges = np.cumsum([0, *sizes])
    small = codes.astype(np.min_scalar_type(int(codes.max())))
    return [
        (plain, small[low:high], sampled[(sampled >= low) & (sampled < high)] - low)
        for low, high in pairwise(edges.tolist())
    ]
