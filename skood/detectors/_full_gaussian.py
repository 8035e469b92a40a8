"""Full conformal ranks of Mahalanobis distances, with the new row in means and covariance."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_new_rows
from ..measures.row_moments import RowMoments
from ..measures.ties import tie_limits
from ..rows.place import is_stored
from ._full_conformal import RankCounts, unit_of
from ._gaussian_fit import estimates_of_sums
from ._gaussian_scores import GaussianScores, scores_of_distances
from ._rank_one_gaussians import RankOneGaussians


class FullByGaussians:
    """Full conformal ranks of Mahalanobis distances.

    A new row joins the estimates by a rank-one update. The shrinkage is estimated again, and all
    rows are scored again, each left out: the ranks equal those of a fit on n + 1 rows, to 1e-9.
    With class labels the new row is tried in each class.

    Where the update would lose digits (see `RankOneGaussians.distances`), as with a singular
    covariance, the estimates are computed again with the new row, which takes several times as
    long. If the covariance without a row is singular, rounding alone decides its distance and rank.
    """

    def __init__(self, detector: Any, X: Any) -> None:
        rows = check_new_rows(detector, X, detector._dtype, stored=True)
        if is_stored(rows) or getattr(detector, "_moments", None) is None:
            raise ValueError(
                f"method='full' needs the rows of {type(detector).__name__} and the sums of all "
                "its classes in memory. Use method='cv+'."
            )
        self.detector = detector
        self._rows = detector._scorer.scaling.scaled(rows)
        self._codes = detector._row_classes.astype(np.intp)
        self.training_scores = detector._scorer._of_block(self._rows, self._codes)
        how = detector.covariance, self._rows
        self._gaussians = RankOneGaussians(detector._moments, *how, self._codes)
        self._background = None
        if detector.relative:
            together = [reduce(RowMoments.merged, detector._moments)]
            self._background = RankOneGaussians(together, *how, np.zeros_like(self._codes))

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows, with one column for each class that the new row may have."""
        detector = self.detector
        X = check_new_rows(detector, X, detector._dtype)
        rows = detector._scorer.scaling.scaled(X)
        n_classes = len(detector._moments)
        lower = np.empty((len(rows), n_classes), dtype=np.intp)
        ties, unit = np.empty_like(lower), unit_of(detector, self.training_scores)
        for i, row in enumerate(rows):
            for code in range(n_classes):
                scores = self._scores_with(row, code)
                low, high = tie_limits(scores[-1:], unit)
                others = scores[:-1] if codes is None else scores[:-1][codes == code]
                lower[i, code] = np.count_nonzero(others < low)
                ties[i, code] = np.count_nonzero(others <= high) - lower[i, code]
        every = np.full(n_classes, len(self._rows))
        return RankCounts(lower, ties, every if codes is None else np.bincount(codes))

    def _scores_with(self, row: NDArray[np.float64], code: int) -> NDArray[np.float64]:
        """Scores of all training rows and, last, of the new row in this class."""
        distances, shrinkage = self._gaussians.distances(row, code)
        overall = None
        if self._background is not None:
            overall, _ = self._background.distances(row, 0, shrinkage)
        if distances is not None and (self._background is None or overall is not None):
            return scores_of_distances(distances, overall)
        return self._scores_of_new_estimates(row, code)

    def _scores_of_new_estimates(self, row: NDArray[np.float64], code: int) -> NDArray[np.float64]:
        moments = list(self.detector._moments)
        moments[code] = moments[code].merged(RowMoments.of(row[np.newaxis]))
        estimates = estimates_of_sums(self.detector, moments)
        scorer = GaussianScores(
            estimates.gaussians,
            estimates.background,
            self.detector._fingerprints,
            self.detector._row_classes,
            self.detector._scorer.scaling,
        )
        return scorer._of_block(np.vstack([self._rows, row]), np.append(self._codes, code))
