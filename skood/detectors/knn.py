"""Detector by the distance to the nearest training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._validation import check_option
from ..measures.knn import AGGREGATIONS, knn_distance
from ..measures.shares import ShareFactors, share_factors
from ..neighbors import NeighborIndex, Neighbors
from ._full_neighbors import FullByNeighbors
from ._neighbor_detector import NeighborOutlierDetector


class KNNOutlierDetector(NeighborOutlierDetector):
    """Out-of-distribution detector by the distance to the k nearest training rows.

    The score is minus the mean (or largest) distance of a row to its k nearest training rows.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of neighbours k. With k training rows or fewer, all other rows are neighbours, with a
        warning.
    aggregation : {"mean", "max"}, default="mean"
        Mean distance to the neighbours, or distance to the farthest of them.
    algorithm : {"auto", "exact", "approximate"} or index object, default="auto"
        The search for neighbours. "auto" and "exact" find the true ones: "exact" by `ExactIndex`,
        "auto" by `KDTreeIndex` if there are few columns. "approximate" takes `FaissIndex`, or
        `PyNNDescentIndex` if only that is installed. An index object that is fitted to the same
        rows is used as it is; another one is cloned and fitted.
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance: Euclidean, or one minus the cosine of the angle.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.
    n_jobs : int or None, default=None
        Number of threads of the search. None means as many as the BLAS uses, -1 all processors that
        the process may use. An index object has its own.

    Attributes
    ----------
    index_ : NeighborIndex
        The fitted index of training rows.
    n_neighbors_ : int
        The number of neighbours used.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold, each with itself left out.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    training_labels_ : ndarray of shape (n_samples,) or None
        The class labels of the training rows, for `explain`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    `explain` divides each neighbour's distance among the features in proportion to the squared
    differences, which are the differences times the slope of the distance. The weight of a
    neighbour is 1/k, or 1 for the farthest with ``aggregation="max"``. The base is 0. With
    ``metric="cosine"`` the rows are divided by their lengths first.

    References
    ----------
    Ramaswamy, Rastogi and Shim (2000), Efficient algorithms for mining outliers from large data
    sets. Sun et al. (2022), Out-of-distribution detection with deep nearest neighbors, algorithm 1
    (``aggregation="max"`` on normalised embeddings).

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = KNNOutlierDetector(n_neighbors=5).fit(X)
    >>> detector.predict([[0.0, 0.0], [6.0, 6.0]])
    array([ 1, -1])
    """

    _score_is_distance = True
    _full_ranks = FullByNeighbors

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        aggregation: str = "mean",
        algorithm: str | NeighborIndex = "auto",
        metric: str = "euclidean",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.aggregation = aggregation
        self.algorithm = algorithm
        self.metric = metric
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_option(self, "aggregation", self.aggregation, AGGREGATIONS)

    def _score(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:  # noqa: ARG002
        return -knn_distance(neighbors.distances, aggregation=self.aggregation), 0

    def _share_factors(
        self, differences: NDArray[np.float64], neighbors: Neighbors, scores: NDArray[np.float64]
    ) -> tuple[ShareFactors, NDArray[np.float64], NDArray[np.float64]]:
        k = neighbors.distances.shape[1]
        weights = np.full(neighbors.distances.shape, 1.0 / k)
        if self.aggregation == "max":
            weights[:] = np.arange(k) == k - 1
        factors = share_factors(differences, weights * neighbors.distances)
        return factors, weights, np.zeros_like(scores)
