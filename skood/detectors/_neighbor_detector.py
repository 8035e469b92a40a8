"""The base of the detectors on nearest neighbours: fit an index, query it, set the threshold."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import check_int, check_new_rows, without_ood_rows
from ..explanation import Explanation, LinearMap
from ..measures.blocks import slices
from ..measures.shares import ShareFactors
from ..neighbors import ExactIndex, KDTreeIndex, NeighborIndex, Neighbors
from ..neighbors.index_choice import (
    appendable_index,
    check_algorithm,
    check_rows_for_index,
    feasible_n_neighbors,
    fitted_index,
)
from ..neighbors.shards import is_over_shards
from ..rows.place import part_of
from ..rows.rounded import is_rounded, restored
from ._neighbor_explanation import explain_by_neighbors
from ._neighbor_shards import NeighborStages, TrainingRowsInShards
from ._neighbor_updates import updated_neighbors
from ._training_rows import TrainingRows

# Values, and rows, scored at a time: memory does not grow with the number of rows, and more rows
# would not make the calls of NumPy cheaper.
_QUERY_VALUES, _MOST_QUERIES = 1 << 20, 8192


def _writes_shares(detector: NeighborOutlierDetector) -> bool:
    """Whether the detector can explain its scores; else it has no attribute `explain`."""
    if type(detector)._share_factors is not NeighborOutlierDetector._share_factors:
        return True
    raise AttributeError(
        f"{type(detector).__name__} can't explain its scores: it has no method _share_factors."
    )


class NeighborOutlierDetector(OODDetectorMixin, BaseEstimator, ABC):
    """Base of the detectors whose score is a measure of a row's k nearest training rows.

    A subclass writes `_score`. If that learns from the neighbours of all training rows, the
    subclass sets `_uses_all_training_neighbors` and writes `_fit_reference`. If it can explain its
    scores, it writes `_share_factors`; else it has no `explain`.

    Parameters
    ----------
    n_neighbors, algorithm, metric, contamination, threshold_samples, random_state, n_jobs
        As in `KNNOutlierDetector`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.detectors import NeighborOutlierDetector
    >>> class MedianDistanceDetector(NeighborOutlierDetector):
    ...     def _score(self, X, neighbors):
    ...         return -np.median(neighbors.distances, axis=1), 0
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> MedianDistanceDetector(n_neighbors=5).fit(X).predict([[0.0, 0.0], [6.0, 6.0]])
    array([ 1, -1])
    """

    # Whether `_score` learns from the neighbours of all training rows, in `_fit_reference`.
    _uses_all_training_neighbors = False
    # Whether the score needs the rows of the neighbours besides their distances.
    _uses_neighbor_rows = False
    _threshold_is_apart = True
    # The class of full conformal ranks, where the effect of a new row is known.
    _full_ranks: Any = None
    # Attributes that `_fit_reference` sets; `fit` deletes those of an earlier fit.
    _reference: tuple[str, ...] = ()

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        algorithm: str | NeighborIndex = "auto",
        metric: str = "euclidean",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.algorithm = algorithm
        self.metric = metric
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Store the training rows and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2. An array of float32 or float64 in C order is kept
            without a copy: do not change it afterwards. Rows on disk (a memory map, a Zarr array,
            rows of `skood.open_rows`) stay there and are read block by block.
        y : array-like of shape (n_samples,), optional
            Class labels, stored in `classes_` and otherwise not used.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid.
        """
        self._check_parameters()
        X, y = without_ood_rows(self, X, y)
        X = check_rows_for_index(self, X)
        y = self._store_classes(y, len(X))
        self.training_labels_ = y.copy() if hasattr(self, "classes_") else None
        self.n_neighbors_ = feasible_n_neighbors(self, len(X))
        self._forget("_known_neighbors", *self._reference)
        self.index_ = fitted_index(self, X)
        training = self._find_training_neighbors(self._draw_threshold_rows(len(X)))
        self._warn_if_not_converged(self._learn(training), len(training.rows))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add training rows: scores and threshold equal those of `fit` on all rows so far.

        The detector keeps the neighbours of the training rows that set the threshold (of all
        training rows, if the measure needs them), and searches only the new rows for nearer ones.
        So the cost grows with the number of new rows. With an int as `random_state`, the same rows
        set the threshold as in one fit on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2 in the first call. Later rows are converted to the
            float type of the first call. Rows on disk stay there.
        y : array-like of shape (n_samples,), optional
            Class labels, in every call or in none.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if labels come in some calls only, or if
            `algorithm` is not "auto", "exact" or an `ExactIndex`: no other index can add rows.
        """
        if not hasattr(self, "index_"):
            return self.fit(X, y)
        self._check_parameters()
        X, y = without_ood_rows(self, X, y)
        index = appendable_index(self)
        X = check_new_rows(self, X, index.training_rows_.dtype, stored=True)
        index = index._extended(X)
        self._append_labels(y, len(X))
        self.index_ = index
        self.n_neighbors_ = feasible_n_neighbors(self, index.n_samples_fit_)
        training = self._update_training_neighbors(index)
        self._warn_if_not_converged(self._learn(training), len(training.rows))
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by their nearest training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to score. For a row that equals a training row, one equal copy is left out, as
            for the training rows themselves.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self, "index_")
        if is_over_shards(self.index_):
            stages = self.shard_stages()
            scores, n_failed = self.index_.run(stages, stages.checked(X))
            self._warn_if_not_converged(n_failed, len(scores))
            return scores
        rounded = is_rounded(X, self.index_.training_rows_.dtype)
        X = check_new_rows(self, X, self.index_.training_rows_.dtype, stored=True)
        scores, n_failed = np.empty(len(X)), 0
        budget = min(_QUERY_VALUES, _MOST_QUERIES * X.shape[1])
        for part in slices(len(X), budget, each=X.shape[1]):
            scores[part], failed = self._score_block(part_of(X, part), rounded)
            n_failed += failed
        self._warn_if_not_converged(n_failed, len(X))
        return scores

    @available_if(_writes_shares)
    def explain(self, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
        """Explain scores: the share of each feature, and the neighbours behind the score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        linear_map : LinearMap or None, default=None
            The map from the original features to X: the shares are then those of the original
            features. `skood.explain` finds it in a Pipeline.

        Returns
        -------
        Explanation
            ``scores == base - shares.sum(axis=1)``. The notes of the class define shares, base and
            weights of the neighbours.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self, "index_")
        rounded = is_rounded(X, self.index_.training_rows_.dtype)
        X = check_new_rows(self, X, self.index_.training_rows_.dtype, stored=True)
        explanation, n_failed = explain_by_neighbors(self, X, rounded, linear_map)
        self._warn_if_not_converged(n_failed, len(X))
        return explanation

    def conformal_methods(self) -> tuple[str, ...]:
        """The methods of `ConformalOutlierDetector` that these parameters allow, the best first."""
        if is_over_shards(self.algorithm):
            return ("split",)
        return ("full", "cv+", "split") if self._is_in_full_conformal() else ("cv+", "split")

    def full_conformal(self, X: Any) -> Any:  # noqa: ARG002
        """Full conformal ranks of new rows among the training rows of the fitted detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows, which this detector holds itself.

        Returns
        -------
        object
            With `training_scores` and `counts`.
        """
        return self._full_ranks(self)

    def shard_stages(self) -> NeighborStages:
        """How the fitted detector scores rows over shards."""
        return NeighborStages(self)

    @abstractmethod
    def _score(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:
        """Scores of rows by their neighbours, and the number of searches that did not converge."""

    def _share_factors(
        self, differences: NDArray[np.float64], neighbors: Neighbors, scores: NDArray[np.float64]
    ) -> tuple[ShareFactors, NDArray[np.float64], NDArray[np.float64]]:
        """Factors of the shares, weights of the neighbours (m, k), and base (m,), for `explain`."""
        raise NotImplementedError

    def _is_in_full_conformal(self) -> bool:
        """Whether the effect of a new row on training scores is known, and neighbours are exact."""
        exact = isinstance(self.algorithm, (ExactIndex, KDTreeIndex))
        return self._full_ranks is not None and (exact or self.algorithm in ("auto", "exact"))

    def _fit_reference(self, training: TrainingRows) -> None:
        """Learn from the neighbours of all training rows, if `_score` needs that."""

    def _check_parameters(self) -> None:
        check_int(self, "n_neighbors", self.n_neighbors, 1)
        check_algorithm(self)
        self._check_threshold_parameters()

    def _score_block(self, X: NDArray, rounded: bool) -> tuple[NDArray[np.float64], int]:
        """Scores of checked rows; for a row that equals a training row, one copy is left out."""
        equal = self.index_.find_equal(X, rounded=rounded)
        X = restored(X, self.index_.training_rows_, equal) if rounded else X
        return self._score(X, self.index_.answer(X, self.n_neighbors_, equal))

    def _find_training_neighbors(self, rows: NDArray[np.intp]) -> TrainingRows:
        """The training rows with the neighbours needed; `rows` set the threshold."""
        if is_over_shards(self.index_):
            return TrainingRowsInShards(self, rows)
        wanted = None if self._uses_all_training_neighbors else rows
        return TrainingRows(self, rows, self.index_.query_training(self.n_neighbors_, wanted))

    def _update_training_neighbors(self, index: ExactIndex) -> TrainingRows:
        """The same after rows were added; the new rows update known neighbours."""
        n = index.n_samples_fit_
        rows = self._draw_threshold_rows(n, more=True)
        wanted = np.arange(n) if self._uses_all_training_neighbors else rows
        known = getattr(self, "_known_neighbors", None)
        self._known_neighbors = updated_neighbors(index, self.n_neighbors_, wanted, known)
        return TrainingRows(self, rows, self._known_neighbors.neighbors)

    def _learn(self, training: TrainingRows) -> int:
        """Set the threshold; return the number of training rows whose search did not converge."""
        if self._uses_all_training_neighbors:
            self._fit_reference(training)
        scores, n_failed = training.scores()
        self._set_threshold(training.rows, scores)
        return n_failed

    def _warn_if_not_converged(self, n_failed: int, n_rows: int) -> None:
        if n_failed:
            warnings.warn(
                f"The perplexity search of {type(self).__name__} did not converge for {n_failed} "
                f"of {n_rows} rows; their scores use the last weights of the search.",
                ConvergenceWarning,
                stacklevel=3,
            )
