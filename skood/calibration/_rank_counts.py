"""P-values by counts: full conformal ones, and those of cross-fitted detectors (CV+)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import indexable

from .._validation import select_rows
from ..measures.ties import tie_limits
from ._tie_breaks import row_uniforms
from .p_values import Scores, largest_rank


class _Counts(NamedTuple):
    lower: NDArray[np.intp]
    ties: NDArray[np.intp]
    sizes: NDArray[np.intp]


class CrossRanks:
    """Ranks of new rows by detectors that each have left a fold out.

    Each detector compares a row with the scores of the fold that it left out. The codes are the
    classes of the rows, all 0 if classes are compared together.
    """

    def __init__(
        self,
        detectors: list[Any],
        fold_scores: Sequence[Scores],
        fold_codes: Sequence[NDArray[np.intp]],
    ) -> None:
        self.detectors = detectors
        n_columns = int(max(codes.max(initial=0) for codes in fold_codes)) + 1
        self._sizes = np.bincount(np.concatenate(fold_codes), minlength=n_columns)
        self._ordered = [
            [np.sort(scores[codes == code]) for code in range(n_columns)]
            for scores, codes in zip(fold_scores, fold_codes, strict=True)
        ]

    def counts(self, X: Any, codes: Any = None) -> _Counts:  # noqa: ARG002
        """For each row, the numbers of lower and of equal calibration scores."""
        parts = []
        for detector, groups in zip(self.detectors, self._ordered, strict=True):
            scores = checked_scores(detector, X)
            low, high = tie_limits(scores, 0.0)
            below = [np.searchsorted(ordered, low, side="left") for ordered in groups]
            not_above = [np.searchsorted(ordered, high, side="right") for ordered in groups]
            parts.append((np.stack(below, axis=1), np.stack(not_above, axis=1)))
        lower, upper = (np.sum(some, axis=0) for some in zip(*parts, strict=True))
        return _Counts(lower, upper - lower, self._sizes)


class RankedCalibration:
    """P-values and decisions by the counts of lower and equal scores from `ranks`.

    `codes` are the classes of the training rows if classes are compared separately. `seed` is for
    the hashes that break ties.
    """

    def __init__(self, ranks: Any, codes: NDArray[np.intp] | None, seed: bytes) -> None:
        self.ranks, self.codes, self.seed = ranks, codes, seed

    def p_values(self, X: Any, *, random_ties: bool) -> NDArray[np.float64]:
        """The largest p-value over the columns of the counts."""
        lower, ties, sizes = self.ranks.counts(X, self.codes)
        counted = ties
        if random_ties:
            uniform = np.zeros(len(lower))
            tied = np.flatnonzero(ties.any(axis=1))
            if tied.size:
                uniform[tied] = row_uniforms(select_rows(indexable(X)[0], tied), self.seed)
            counted = np.floor(uniform[:, np.newaxis] * (ties + 1))
        return ((1 + lower + counted) / (sizes + 1)).max(axis=1)

    def moved(self, scores: Scores, X: Any, alpha: float, offset: float) -> Scores:
        """The scores; those that disagree with the decisions are moved to the threshold."""
        below = np.nextafter(offset, -np.inf)
        flagged = self.flagged(X, alpha)
        return np.where(flagged, np.minimum(scores, below), np.maximum(scores, offset))

    def flagged(self, X: Any, alpha: float) -> NDArray[np.bool_]:
        """Whether the p-value is at most alpha, with ties against flagging."""
        lower, ties, sizes = self.ranks.counts(X, self.codes)
        ranks = np.array([largest_rank(int(size), alpha) for size in sizes])
        return (1 + lower + ties <= ranks).all(axis=1)


def checked_scores(detector: Any, X: Any) -> NDArray[np.float64]:
    """Scores of rows by a fitted detector; NaN is refused."""
    return without_nan(detector, detector.score_samples(X))


def without_nan(detector: Any, scores: Any) -> NDArray[np.float64]:
    """These scores of a detector; NaN is refused."""
    scores = np.asarray(scores, dtype=np.float64)
    if np.isnan(scores).any():
        raise ValueError(
            f"ConformalOutlierDetector: {type(detector).__name__} gives the score NaN to "
            f"{np.isnan(scores).sum()} of {len(scores)} rows."
        )
    return scores
