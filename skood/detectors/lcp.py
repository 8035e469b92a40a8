"""Detector by local conditional probability."""

from __future__ import annotations

import copy
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._validation import check_float
from ..measures.blocks import slices
from ..measures.lcp import lcp_distance
from ..measures.perplexity import perplexity_weights
from ..measures.shares import ShareFactors, lcp_share_factors
from ..neighbors import NeighborIndex, Neighbors
from ..neighbors.shards import GatheredIndex
from ..rows.place import is_stored
from ..rows.threads import n_threads, single_threaded_blas
from ._full_lcp import FullByLCP
from ._neighbor_detector import NeighborOutlierDetector
from ._training_rows import TrainingRows

_DISK_VALUES = 1 << 24  # of neighbours' rows that are read from disk at a time
_GATHER_BYTES = 1 << 20  # of neighbours' rows at a time, in each thread
_SEARCH_VALUES = 1 << 15  # of distances at a time, in the search for the perplexity
# Columns, and rows for each thread: with fewer, threads wait for each other longer than they save.
_WIDE, _FEWEST_ROWS = 128, 256


def _compares(detector: LCPOutlierDetector) -> bool:
    return detector.locality > 0


class LCPOutlierDetector(NeighborOutlierDetector):
    r"""Out-of-distribution detector by local conditional probability (LCP).

    A row is reconstructed as the weighted mean of its k nearest training rows. The weights are a
    Gaussian of the distance, with the width that gives them the chosen perplexity. The score is
    minus the distance of the row from its reconstruction,

    .. math:: \mathrm{LCP}(x) = \Bigl\| x - \sum_i w_i x_i \Bigr\|, \qquad
        w_i \propto e^{-\|x - x_i\|^2 / 2\sigma^2}, \qquad 2^{H(w)} = \mathrm{perplexity}.

    Parameters
    ----------
    n_neighbors : int, default=15
        Number of neighbours k. With k training rows or fewer, all other rows are the neighbours,
        with a warning.
    perplexity : float, default=5.0
        Effective number of neighbours, in (1, n_neighbors].
    locality : float, default=0.0
        Share g of the neighbours' own LCP that is subtracted, in logarithms: the score is
        :math:`g\log(\overline{\mathrm{LCP}} + \epsilon) - \log(\mathrm{LCP}(x) + \epsilon)`, where
        the mean is over the k nearest training rows, each with itself left out. Above 0, `fit`
        searches for all training rows.
    variance_weight : float, default=0.0
        Share of the neighbours' weighted variance around the reconstruction that is added under the
        root. Above 0, it finds rows in the middle of distant neighbours.
    algorithm : {"auto", "exact", "approximate"} or index object, default="auto"
        The search for neighbours. "auto" and "exact" find the true ones: "exact" by `ExactIndex`,
        "auto" by `KDTreeIndex` if there are few columns. "approximate" takes `FaissIndex`, or
        `PyNNDescentIndex` if only that is installed. An index object that is fitted to the same
        rows is used as it is; another one is cloned and fitted.
    metric : {"euclidean", "cosine"}, default="euclidean"
        With "cosine", all rows are divided by their length first.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.
    n_jobs : int or None, default=None
        Number of threads. None means as many as the BLAS uses, -1 all processors that the process
        may use. An index object has its own for the search.

    Attributes
    ----------
    index_ : NeighborIndex
        The fitted index of training rows.
    n_neighbors_ : int
        The number of neighbours used.
    training_lcp_ : ndarray of shape (n_samples,)
        LCP of every training row with itself left out, if ``locality > 0``.
    epsilon_ : float
        The number added to an LCP before its logarithm, if ``locality > 0``: 1e-3 times the median
        of the training rows' LCP that are not zero.
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

    Warns
    -----
    ConvergenceWarning
        If some rows did not reach the perplexity, with their number.

    Notes
    -----
    `explain` gives each feature its squared residual divided by the LCP: the difference from the
    reconstruction times the slope of the LCP. `variance_weight` adds the feature's part of the
    neighbours' spread. The weights of the neighbours are those of the reconstruction. The base is
    0. With ``locality > 0`` the score is a logarithm. The base is then the score of a row that
    equals its reconstruction, :math:`g\log(\overline{\mathrm{LCP}} + \epsilon) - \log\epsilon`, and
    the difference from it is divided in proportion to the squared residuals. With
    ``metric="cosine"`` the rows are divided by their lengths first.

    References
    ----------
    Ouyang, Echizen and Seo, OOD detection by statistical measures of activation traces, section
    III.B. `locality` and `variance_weight` are not in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import LCPOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = LCPOutlierDetector().fit(X)
    >>> detector.predict([[0.0, 0.0], [6.0, 6.0]])
    array([ 1, -1])
    """

    _uses_neighbor_rows = True
    _full_ranks = FullByLCP
    _reference = ("training_lcp_", "epsilon_")
    _reference_parameter = "locality"  # 0: `fit` needs no reference

    def __init__(
        self,
        n_neighbors: int = 15,
        *,
        perplexity: float = 5.0,
        locality: float = 0.0,
        variance_weight: float = 0.0,
        algorithm: str | NeighborIndex = "auto",
        metric: str = "euclidean",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.perplexity = perplexity
        self.locality = locality
        self.variance_weight = variance_weight
        self.algorithm = algorithm
        self.metric = metric
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.n_jobs = n_jobs

    @available_if(_compares)
    def reference_of(self, X: Any) -> NDArray[np.float64]:
        """LCP of rows, without `locality`: the measure in `training_lcp_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, as `score_samples` takes them.

        Returns
        -------
        ndarray of shape (n_samples,)
            Their LCP.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self)
        within: Any = copy.copy(self)
        within.locality = 0.0
        return -within.score_samples(X)

    @available_if(_compares)
    def replace_reference(self, values: Any) -> Self:
        """Replace the LCP of the training rows, for instance by LCP from fits without them.

        A step before this one that learns from the training rows, such as a whitening, makes their
        LCP smaller than the LCP of new rows. `OutlierPipeline` replaces it by `reference_of` from
        fits that have not seen the rows.

        Parameters
        ----------
        values : array-like of shape (n_training_rows,)
            The new `training_lcp_`. The threshold stays as it is.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If there is not one value for each training row.
        """
        check_is_fitted(self)
        values = np.asarray(values, dtype=np.float64)
        n_samples = self.index_.n_samples_fit_
        if values.shape != (n_samples,):
            raise ValueError(
                f"replace_reference needs {n_samples} values, one for each training row. Got an "
                f"array of shape {values.shape} instead."
            )
        self._set_reference(values)
        return self

    def _check_parameters(self) -> None:
        super()._check_parameters()
        # A single neighbour has perplexity 1.
        interval = f"(1, {self.n_neighbors}]" if self.n_neighbors > 1 else "[1, 1]"
        check_float(self, "perplexity", self.perplexity, interval, high_name="n_neighbors")
        check_float(self, "locality", self.locality, "[0, inf)")
        check_float(self, "variance_weight", self.variance_weight, "[0, inf)")

    @property
    def _uses_all_training_neighbors(self) -> bool:  # type: ignore[override]
        return self.locality > 0

    @property
    def _score_is_distance(self) -> bool:
        return self.locality == 0  # else it is a logarithm already

    def _fit_reference(self, training: TrainingRows) -> None:
        self._set_reference(training.measured("_lcp"))

    def _set_reference(self, lcp: NDArray[np.float64]) -> None:
        self.training_lcp_ = lcp
        nonzero = self.training_lcp_[self.training_lcp_ > 0]
        # If all are zero there is no unit: the smallest number keeps the order right.
        tiny = float(np.finfo(np.float64).tiny)
        self.epsilon_ = max(1e-3 * float(np.median(nonzero)), tiny) if nonzero.size else tiny

    def _score(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:
        lcp, n_failed = self._lcp(X, neighbors)
        if self.locality == 0:
            return -lcp, n_failed
        around = self.training_lcp_[neighbors.indices].mean(axis=1)
        score = self.locality * np.log(around + self.epsilon_) - np.log(lcp + self.epsilon_)
        return score, n_failed

    def _is_in_full_conformal(self) -> bool:
        # With locality, `epsilon_` is a median over all rows: a new row changes every score.
        return self.locality == 0 and super()._is_in_full_conformal()

    def _share_factors(
        self, differences: NDArray[np.float64], neighbors: Neighbors, scores: NDArray[np.float64]
    ) -> tuple[ShareFactors, NDArray[np.float64], NDArray[np.float64]]:
        weights, _, _ = perplexity_weights(self._row_distances(neighbors), self.perplexity)
        factors = lcp_share_factors(differences, weights, variance_weight=self.variance_weight)
        if self.locality == 0:
            return factors, weights, np.zeros_like(scores)
        around = self.training_lcp_[neighbors.indices].mean(axis=1)
        base = self.locality * np.log(around + self.epsilon_) - np.log(self.epsilon_)
        lcp = factors.shares().sum(axis=1)
        some = lcp > 0
        per_lcp = np.divide(base - scores, lcp, out=np.zeros_like(lcp), where=some)
        return factors.times(per_lcp), weights, base

    def _row_distances(self, neighbors: Neighbors) -> NDArray[np.float64]:
        """Euclidean distances between the rows that are compared."""
        if self.metric == "cosine":
            return np.sqrt(2.0 * neighbors.distances)  # between the rows of length 1
        return neighbors.distances

    def _lcp(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:
        """LCP of rows, and the number of rows that did not reach the perplexity."""
        distances = self._row_distances(neighbors)
        if is_stored(self.index_.training_rows_):
            return self._lcp_from_disk(X, neighbors)
        weights, converged = np.empty(distances.shape), np.empty(len(X), dtype=bool)
        for part in slices(len(X), _SEARCH_VALUES, each=distances.shape[1]):
            weights[part], _, converged[part] = perplexity_weights(distances[part], self.perplexity)
        lcp = self._distances(X, neighbors.indices, weights)
        return lcp, int((~converged).sum())

    def _lcp_from_disk(self, X: NDArray, neighbors: Neighbors) -> tuple[NDArray[np.float64], int]:
        """LCP of rows whose neighbours are on disk: each neighbour is read once for many rows."""
        stored, lcp, n_failed = self.index_.training_rows_, np.empty(len(X)), 0
        within: Any = copy.copy(self)  # threads may share this one
        for part in slices(len(X), _DISK_VALUES, each=X.shape[1] * self.n_neighbors_):
            around = Neighbors(neighbors.indices[part], neighbors.distances[part])
            positions = np.unique(around.indices)
            within.index_ = GatheredIndex(positions, stored.take(positions), self.metric)
            lcp[part], failed = within._lcp(np.asarray(X[part]), around)
            n_failed += failed
        return lcp, n_failed

    def _distances(
        self, X: NDArray, indices: NDArray[np.intp], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """LCP of rows by the weights of their neighbours."""
        threads = 1
        if X.shape[1] >= _WIDE and len(X) >= 2 * _FEWEST_ROWS:
            threads = min(n_threads(self.n_jobs), len(X) // _FEWEST_ROWS)
        if threads == 1:
            return self._distances_bit_by_bit(X, indices, weights)
        edges = [len(X) * number // threads for number in range(threads + 1)]
        parts = [slice(*pair) for pair in itertools.pairwise(edges)]
        with single_threaded_blas(), ThreadPoolExecutor(threads) as pool:
            lcp_of_parts = pool.map(
                lambda part: self._distances_bit_by_bit(X[part], indices[part], weights[part]),
                parts,
            )
            return np.concatenate(list(lcp_of_parts))

    def _distances_bit_by_bit(
        self, X: NDArray, indices: NDArray[np.intp], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        lcp = np.empty(len(X))
        for part in slices(len(X), _GATHER_BYTES, each=8 * X.shape[1] * indices.shape[1]):
            rows, around = self._unit_rows(X[part]), self._neighbor_rows(indices[part])
            lcp[part] = lcp_distance(
                rows, around, weights[part], variance_weight=self.variance_weight
            )
        return lcp

    def _unit_rows(self, X: NDArray) -> NDArray:
        norms = self.index_.norms(X)
        return X if norms is None else X / norms[:, np.newaxis]

    def _neighbor_rows(self, indices: NDArray[np.intp]) -> NDArray:
        # several times as fast as indexing where rows are short
        rows = self.index_.training_rows_.take(indices, axis=0)
        norms = self.index_.row_norms_
        return rows if norms is None else rows / norms[indices][:, :, np.newaxis]
