"""What the detectors on nearest neighbours share: fit an index, query it, threshold the scores."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._optional import is_installed
from .._validation import (
    check_int,
    check_new_rows,
    check_option,
    check_training_rows,
    parameter_error,
    working_memory_bytes,
)
from ..explanation import Explanation, LinearMap
from ..measures import ShareFactors
from ..neighbors import (
    ExactIndex,
    FaissIndex,
    KDTreeIndex,
    NeighborIndex,
    Neighbors,
    PyNNDescentIndex,
)
from ..neighbors.contract import METRICS
from ..neighbors.shards import IndexOverShards
from ..rows import StoredRows
from ._neighbor_explanation import explain_by_neighbors
from ._neighbor_shards import NeighborStages
from ._neighbor_updates import updated_neighbors

# Rows scored at a time, so that memory does not grow with their number: as many as have this many
# values, but no more than the calls of NumPy need to be cheap.
_QUERY_VALUES, _MOST_QUERIES = 1 << 20, 8192
_ALGORITHMS = ("auto", "exact", "approximate")
_MOST_TREE_COLUMNS = 8


class NeighborOutlierDetector(OODDetectorMixin, BaseEstimator, ABC):
    """Base of the detectors whose score is a measure of a row's k nearest training rows."""

    # Whether the score needs something of every training row's own neighbours.
    _uses_all_training_neighbors = False
    # Whether the score needs the rows of the neighbours besides their distances.
    _uses_neighbor_rows = False
    # What `_fit_reference` sets, of which nothing may be left by an earlier fit.
    _reference: tuple[str, ...] = ()

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take in the training rows and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2. An array of float32 or float64 in C order is kept as
            it is, not copied, so it must not be changed afterwards. Rows on disk (a memory map, a
            Zarr array, what `skood.open_rows` opens) are read block by block and stay there.
        y : array-like of shape (n_samples,), optional
            Class labels are stored in `classes_` and otherwise not used.

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
        X = self._check_rows(X)
        y = self._store_classes(y, len(X))
        self.training_labels_ = y.copy() if hasattr(self, "classes_") else None
        self.n_neighbors_ = feasible_n_neighbors(self, len(X))
        self._forget("_known_neighbors", *self._reference)
        self.index_ = self._fit_index(X)
        rows = self._draw_threshold_rows(len(X))
        scores, n_failed = self._score_training(X, rows)
        self._warn_if_not_converged(n_failed, len(rows))
        self._set_threshold(rows, scores)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Append training rows: scores and threshold are those of `fit` on all rows so far.

        The neighbours of the training rows that set the threshold (of all, where the measure needs
        them) are kept from call to call, so that only the new rows are searched for them, at a cost
        that grows with the number of these. For the same rows to set the threshold as in a fit on
        all, `random_state` must be an int.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2 in the first call; they are taken as the float type of
            that call's. Rows on disk stay there.
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
            `algorithm` is not "auto", "exact" or an `ExactIndex`: to no other can rows be appended.
        """
        if not hasattr(self, "index_"):
            return self.fit(X, y)
        self._check_parameters()
        index = self._growing_index()
        X = check_new_rows(self, X, index.training_rows_.dtype, stored=True)
        index = index._extended(X)
        self._append_labels(y, len(X))
        self.index_ = index
        self.n_neighbors_ = feasible_n_neighbors(self, index.n_samples_fit_)
        self._renew_threshold(index)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows: how far they belong to the training distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to score. A row that equals a training row is scored with one equal copy left
            out, as the training rows are.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X, self.index_.training_rows_.dtype, stored=True)
        scores = np.empty(len(X))
        n_failed = 0
        step = min(_MOST_QUERIES, max(1, _QUERY_VALUES // X.shape[1]))
        for start in range(0, len(X), step):
            stop = min(start + step, len(X))
            block = X.part(start, stop) if isinstance(X, StoredRows) else X[start:stop]
            scores[start : start + step], failed = self._score_block(block)
            n_failed += failed
        self._warn_if_not_converged(n_failed, len(X))
        return scores

    def explain(self, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
        """Explain scores: each feature's share, and the neighbours that they come from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        linear_map : LinearMap or None, default=None
            What made X of other features, whose shares are then given. `skood.explain` finds it in
            a Pipeline.

        Returns
        -------
        Explanation
            ``scores == base - shares.sum(axis=1)``. What the weights of the neighbours, the shares
            and the base are, the notes of the class say.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X, self.index_.training_rows_.dtype, stored=True)
        explanation, n_failed = explain_by_neighbors(self, X, linear_map)
        self._warn_if_not_converged(n_failed, len(X))
        return explanation

    def shard_stages(self) -> NeighborStages:
        """How the fitted detector scores rows over shards."""
        return NeighborStages(self)

    @abstractmethod
    def _share_factors(
        self, differences: NDArray[np.float64], neighbors: Neighbors, scores: NDArray[np.float64]
    ) -> tuple[ShareFactors, NDArray[np.float64], NDArray[np.float64]]:
        """Factors of the shares, weights of the neighbours (m, k), and base (m,)."""

    @abstractmethod
    def _score(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:
        """Scores of rows by their neighbours, and for how many a search did not converge."""

    def _score_block(self, X: NDArray) -> tuple[NDArray[np.float64], int]:
        """Scores of checked rows, those that equal a training row with one equal copy left out."""
        if isinstance(self.index_, IndexOverShards):
            return self.index_.run(self.shard_stages(), X)
        equal = self.index_.find_equal(X)
        return self._score(X, self.index_.answer(X, self.n_neighbors_, equal))

    def _score_training(self, X: Any, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], int]:
        """Scores of the training rows that set the threshold, each with itself left out."""
        if isinstance(self.index_, IndexOverShards):
            if self._uses_all_training_neighbors:
                self._fit_reference_over_shards(self.index_)
            return self.index_.run(self.shard_stages(), self.index_.training_rows_[rows], rows)
        neighbors = self._fit_on_training_neighbors(X, rows)
        return self._score(X[rows], neighbors)

    def _growing_index(self) -> ExactIndex:
        """The index, if rows can be appended to it; of a tree that "auto" has made, its rows."""
        index = self.index_
        if isinstance(index, KDTreeIndex) and self.algorithm == "auto":
            self._forget("_known_neighbors")
            return ExactIndex(metric=index.metric, n_jobs=self.n_jobs).fit(index.training_rows_)
        if not isinstance(index, ExactIndex) or index.metric != self.metric:
            allowed = (
                "'auto', 'exact' or an ExactIndex of the metric of the rows before, for partial_fit"
            )
            raise parameter_error(self, "algorithm", allowed, self.algorithm)
        return index

    def _renew_threshold(self, index: ExactIndex) -> None:
        """Do what `fit` does with the neighbours of training rows, by what is known of them."""
        n = index.n_samples_fit_
        rows = self._draw_threshold_rows(n, more=True)
        wanted = np.arange(n) if self._uses_all_training_neighbors else rows
        known = getattr(self, "_known_neighbors", None)
        known = updated_neighbors(index, self.n_neighbors_, wanted, known)
        self._known_neighbors, neighbors = known, known.neighbors
        if self._uses_all_training_neighbors:
            self._fit_reference(index.training_rows_, neighbors)
            neighbors = Neighbors(neighbors.indices[rows], neighbors.distances[rows])
        scores, n_failed = self._score(index.training_rows_[rows], neighbors)
        self._warn_if_not_converged(n_failed, len(rows))
        self._set_threshold(rows, scores)

    def _fit_on_training_neighbors(self, X: NDArray, rows: NDArray[np.intp]) -> Neighbors:
        """Neighbours of the rows that set the threshold; learns from all rows' where needed."""
        if not self._uses_all_training_neighbors:
            return self.index_.query_training(self.n_neighbors_, rows)
        neighbors = self.index_.query_training(self.n_neighbors_)
        self._fit_reference(X, neighbors)
        return Neighbors(neighbors.indices[rows], neighbors.distances[rows])

    def _fit_reference(self, X: NDArray, neighbors: Neighbors) -> None:
        """Learn from the neighbours of all training rows, where `_score` needs that."""

    def _fit_reference_over_shards(self, index: IndexOverShards) -> None:
        """Do what `_fit_reference` does, where the training rows lie in several shards."""

    def _check_parameters(self) -> None:
        check_int(self, "n_neighbors", self.n_neighbors, 1)
        check_option(self, "metric", self.metric, METRICS)
        if not isinstance(self.algorithm, NeighborIndex):
            if not (isinstance(self.algorithm, str) and self.algorithm in _ALGORITHMS):
                allowed = "one of " + ", ".join(map(repr, _ALGORITHMS)) + " or an index object"
                raise parameter_error(self, "algorithm", allowed, self.algorithm)
        elif self.algorithm.metric != self.metric:
            raise parameter_error(
                self,
                "metric",
                f"{self.algorithm.metric!r}, the metric of the index given as 'algorithm'",
                self.metric,
            )
        self._check_threshold_parameters()

    def _check_rows(self, X: Any) -> Any:
        """Training rows as the index takes them: an array, but for shards."""
        if isinstance(self.algorithm, IndexOverShards):
            return self.algorithm.check_rows(self, X)
        return check_training_rows(self, X, stored=True)

    def _fit_index(self, X: Any) -> NeighborIndex:
        """The index given, if it holds these rows already; else a new one, so it is not changed."""
        if isinstance(self.algorithm, NeighborIndex):
            if self.algorithm.is_fitted_on(X):
                return self.algorithm
            return clone(self.algorithm).fit(X)
        if self.algorithm == "approximate":
            return self._approximate_index().fit(X)
        for_tree = self.algorithm == "auto" and is_for_a_tree(X.shape[1])
        if isinstance(X, StoredRows):  # the tree is in memory, in float64
            for_tree = for_tree and 8 * X.shape[0] * X.shape[1] < working_memory_bytes() / 8
        make = KDTreeIndex if for_tree else ExactIndex
        return make(metric=self.metric, n_jobs=self.n_jobs).fit(X)

    def _approximate_index(self) -> NeighborIndex:
        """The best approximate index of those whose library is installed."""
        # pynndescent compiles for minutes in every process, so it is second.
        for module, make in (("faiss", FaissIndex), ("pynndescent", PyNNDescentIndex)):
            if is_installed(module):
                return make(
                    metric=self.metric,
                    recall_at=self.n_neighbors_,
                    random_state=self.random_state,
                    n_jobs=self.n_jobs,
                )
        raise ImportError(
            f"algorithm='approximate' of {type(self).__name__} needs the module 'faiss' or "
            "'pynndescent', and neither is installed: "
            'run pip install "skood[ann]" to add them.'
        )

    def _warn_if_not_converged(self, n_failed: int, n_rows: int) -> None:
        if n_failed:
            warnings.warn(
                f"The perplexity search of {type(self).__name__} did not converge for {n_failed} "
                f"of {n_rows} rows; their scores use the last weights found.",
                ConvergenceWarning,
                stacklevel=3,
            )


def feasible_n_neighbors(detector: Any, n_samples: int) -> int:
    """The detector's `n_neighbors`, or with a warning as many as there are other training rows."""
    if detector.n_neighbors < n_samples:
        return detector.n_neighbors
    warnings.warn(
        f"n_neighbors={detector.n_neighbors} of {type(detector).__name__} is more than the "
        f"{n_samples - 1} other training rows; n_neighbors_={n_samples - 1} is used.",
        UserWarning,
        stacklevel=3,
    )
    return n_samples - 1


def is_for_a_tree(n_features: int) -> bool:
    """Whether a k-d tree is the faster of the two exact searches, which answer the same.

    Processor time of the tree for 15 neighbours, as a share of the matrix product's; the range is
    over 2,000 to 200,000 training rows and both types of float:

    ======= ======================= =============================
    columns independent normal rows correlated, heavy-tailed rows
    ======= ======================= =============================
    4       0.07 to 0.48            0.06 to 0.31
    8       0.67 to 1.75            0.23 to 0.64
    10      1.1  to 4.8             0.38 to 1.1
    12      1.1  to 10              0.44 to 1.6
    ======= ======================= =============================

    So it hangs on the columns, and hardly on the number of rows.
    """
    return n_features <= _MOST_TREE_COLUMNS
