"""Detector by the local outlier factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..measures.lof import SMALLEST_REACHABILITY, local_outlier_factor, mean_reachability
from ..measures.shares import ShareFactors, share_factors
from ..neighbors import NeighborIndex, Neighbors
from ._full_lof import FullByLOF
from ._neighbor_detector import NeighborOutlierDetector
from ._training_rows import TrainingRows

# Rows of one direction differ by rounding once they are divided by their lengths: by at most some
# 1e-14, whose square is the cosine distance.
_SAME_DIRECTION = 1e-28


class LOFOutlierDetector(NeighborOutlierDetector):
    r"""Out-of-distribution detector by the local outlier factor (LOF).

    The score is minus the mean ratio of the reachability distance r of a row to that of its k
    nearest training rows,

    .. math:: \mathrm{LOF}(x) = \frac1k \sum_{o \in N_k(x)} \frac{r(x)}{r(o)}, \qquad
        r(x) = \frac1k \sum_{o \in N_k(x)} \max(\text{k-distance}(o), \|x - o\|).

    It is about -1 for a row in a region as dense as that of its neighbours. It has no unit.

    Parameters
    ----------
    n_neighbors : int, default=20
        Number of neighbours k. With k training rows or fewer, all other rows are the neighbours,
        with a warning.
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
        Neighbours are searched for all training rows anyway.
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
    training_k_distance_ : ndarray of shape (n_samples,)
        Distance of every training row to its k-th neighbour, itself left out.
    training_reachability_ : ndarray of shape (n_samples,)
        Mean reachability distance of every training row, itself left out; 0 for a row with at least
        k equal copies.
    zero_reachability_ : float
        Replaces a mean reachability distance of 0: 1e-3 times the median of those of the training
        rows that are not 0, and 1e-150 if all are 0.
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
    `explain` divides each neighbour's reachability distance among the features in proportion to the
    squared differences, and keeps the neighbours' own reachability fixed. Within the k-distance of
    a neighbour the factor does not depend on the exact place of the row. The shares then only show
    the features in which the row differs. The weight of a neighbour is its density (one divided by
    its mean reachability distance), as a share of the sum over the neighbours. The base comes from
    the neighbours that equal the row.

    Scores equal those of scikit-learn's ``LocalOutlierFactor(novelty=True)`` on new rows, and its
    ``negative_outlier_factor_`` on training rows, if no training row has k equal copies and no two
    rows tie as the k-th neighbour. Of such ties, skood takes the first in the order of training.

    A copy in a heap of more than k equal rows has the score -1. The score of a row beside such a
    heap counts its distance in units of `zero_reachability_`.

    References
    ----------
    Breunig, Kriegel, Ng and Sander (2000), LOF: identifying density-based local outliers,
    definitions 5 to 7. `zero_reachability_` is not in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import LOFOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = LOFOutlierDetector().fit(X)
    >>> detector.predict([[0.0, 0.0], [6.0, 6.0]])
    array([ 1, -1])
    """

    _uses_all_training_neighbors = True
    _score_is_distance = True
    _full_ranks = FullByLOF

    def __init__(
        self,
        n_neighbors: int = 20,
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

    def _fit_reference(self, training: TrainingRows) -> None:
        neighbors = training.neighbors()
        self.training_k_distance_ = self._distances(neighbors)[:, -1].copy()
        self.training_reachability_ = self._reachability(neighbors)
        nonzero = self.training_reachability_[self.training_reachability_ > 0]
        self.zero_reachability_ = (
            1e-3 * float(np.median(nonzero)) if nonzero.size else SMALLEST_REACHABILITY
        )

    def _score(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:  # noqa: ARG002
        factor = local_outlier_factor(
            self._reachability(neighbors),
            self.training_reachability_[neighbors.indices],
            zero_reachability=self.zero_reachability_,
        )
        return -factor, 0

    def _share_factors(
        self, differences: NDArray[np.float64], neighbors: Neighbors, scores: NDArray[np.float64]
    ) -> tuple[ShareFactors, NDArray[np.float64], NDArray[np.float64]]:
        distances = self._distances(neighbors)
        reach = np.maximum(distances, self.training_k_distance_[neighbors.indices])
        largest = reach.max(axis=1, keepdims=True)
        reach /= np.where(largest > 0, largest, 1.0)  # a sum of huge distances would overflow
        total = reach.sum(axis=1, keepdims=True)
        parts = reach / np.where(total > 0, total, 1.0) * -scores[:, np.newaxis]
        divided = np.where(distances > 0, parts, 0.0)
        around = self.training_reachability_[neighbors.indices]
        around = np.where(around == 0, self.zero_reachability_, around)
        weights = around.min(axis=1, keepdims=True) / around
        weights /= weights.sum(axis=1, keepdims=True)
        return share_factors(differences, divided), weights, scores + divided.sum(axis=1)

    def _reachability(self, neighbors: Neighbors) -> NDArray[np.float64]:
        around = self.training_k_distance_[neighbors.indices]
        return mean_reachability(self._distances(neighbors), around)

    def _distances(self, neighbors: Neighbors) -> NDArray[np.float64]:
        if self.metric != "cosine":
            return neighbors.distances
        return np.where(neighbors.distances > _SAME_DIRECTION, neighbors.distances, 0.0)
