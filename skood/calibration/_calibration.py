"""The result of calibration: the scores of each class, and a seed that breaks ties."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import indexable

from .._base import OODDetectorMixin
from .._validation import last_step, select_rows
from ..measures.ties import TIE_TOLERANCE, unit_of_ordered
from ._tie_breaks import row_uniforms
from .p_values import (
    Scores,
    conformal_p_values,
    conformal_threshold,
    count_lower,
    fewest_calibration_scores,
    largest_rank,
)

_SEED_BYTES = 8


@dataclass(frozen=True)
class Calibration:
    """Calibration scores in ascending order, by class; under None without classes."""

    groups: dict[Any, Scores]
    seed: bytes
    unit: float | None = None  # of ties; None: scores tie if they are equal

    @classmethod
    def of(
        cls,
        scores: Scores,
        labels: NDArray | None,
        generator: np.random.RandomState,
        detector: Any = None,
    ) -> Self:
        """Group the scores of the calibration rows by their labels, if there are labels.

        Scores of one of our detectors tie as `tie_limits` says; others tie if they are equal.
        """
        if labels is None:
            groups = {None: np.sort(scores)}
        else:
            classes = np.unique(labels).tolist()
            groups = {label: np.sort(scores[labels == label]) for label in classes}
        unit = None
        if isinstance(last_step(detector), OODDetectorMixin):
            unit = unit_of_ordered(np.sort(scores))
        return cls(groups, generator.bytes(_SEED_BYTES), unit)

    def p_values(self, scores: Scores, X: Any = None) -> NDArray[np.float64]:
        """P-values of scores. With the rows X, a hash of a row breaks its ties."""
        uniform = None if X is None else self._uniform(scores, X)
        return conformal_p_values(scores, self.groups.values(), uniform, unit=self.unit)

    def threshold(self, alpha: float) -> float:
        """The score below which p-values are at most alpha; warns if that is -inf."""
        self._warn_if_too_few(alpha)
        return conformal_threshold(self.groups.values(), alpha)

    def above(self, scores: Scores, threshold: float) -> Scores:
        """The scores minus the threshold; 0 where a score ties with it."""
        if not math.isfinite(threshold):  # the difference of infinite ones is NaN
            is_equal = scores == threshold
            return np.subtract(scores, threshold, out=np.zeros(len(scores)), where=~is_equal)
        above = scores - threshold
        if self.unit is not None:
            above[np.abs(above) <= TIE_TOLERANCE * max(-threshold, threshold, self.unit)] = 0.0
        return above

    def _uniform(self, scores: Scores, X: Any) -> NDArray[np.float64]:
        """A hash of each row with ties as a number; 0 for other rows, where it has no effect."""
        uniform = np.zeros(len(scores))
        ties = [count_lower(scores, group, self.unit)[1] for group in self.groups.values()]
        tied = np.flatnonzero(np.any(ties, axis=0))
        if tied.size:
            uniform[tied] = row_uniforms(select_rows(indexable(X)[0], tied), self.seed)
        return uniform

    def _warn_if_too_few(self, alpha: float) -> None:
        sizes = {label: len(scores) for label, scores in self.groups.items()}
        few = {label: n for label, n in sizes.items() if not largest_rank(n, alpha)}
        if not few:
            return
        together = None in sizes
        counts = ", ".join(f"{n} of {label!r}" for label, n in few.items())
        warnings.warn(
            f"alpha={alpha:g} flags nothing with less than {fewest_calibration_scores(alpha)} "
            f"calibration rows{'' if together else ' of each class'}; there are "
            f"{few[None] if together else counts}. "
            "Raise alpha or calibration_size, or give more rows.",
            UserWarning,
            stacklevel=4,  # the caller of `fit`
        )
