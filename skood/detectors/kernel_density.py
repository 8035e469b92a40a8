"""Detector by a Gaussian kernel density."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    check_int,
    check_n_jobs,
    check_new_rows,
    check_option,
    parameter_error,
    without_ood_rows,
    working_memory_bytes,
)
from ..explanation import Explanation, LinearMap
from ..measures.blocks import slices
from ..measures.kernel_density import BLOCKS, kernel_centre, log_density_of_sum, log_kernel_sum
from ..measures.lengths import row_norms
from ..measures.ties import TIE_TOLERANCE
from ..neighbors import NeighborIndex
from ..neighbors.index_choice import check_rows_for_index, fitted_on
from ..neighbors.shards import is_over_shards
from ..rows import joined_rows
from ..rows.lookup import RowLookup
from ..rows.rounded import is_rounded, restored
from ..rows.threads import n_threads, single_threaded_blas
from ._full_kernel import FullByKernels
from ._kernel_explanation import explain_by_kernels
from ._kernel_shards import KernelStages

_RULES = ("scott", "silverman")
_FEWEST_ROWS = 16  # for each thread: each centres all training rows


class KernelDensityOutlierDetector(OODDetectorMixin, BaseEstimator):
    r"""Out-of-distribution detector by a Gaussian kernel density.

    The score is the logarithm of the mean Gaussian kernel over all training rows,

    .. math:: \log \frac1n \sum_{i=1}^n (2\pi h^2)^{-d/2} e^{-\|x - x_i\|^2 / 2h^2},

    with one bandwidth h for all features. So the features need a common unit, in which the training
    rows have a spread of about 1: standardise them first, or give a bandwidth. The rules "scott"
    and "silverman" ignore the spread. If rows are much closer together than h, all scores tie. If
    they are much further apart, the score ranks rows by the distance to the nearest training row.

    Parameters
    ----------
    bandwidth : {"scott", "silverman"} or float, default="scott"
        Width h of the kernel: :math:`n^{-1/(d+4)}`, :math:`(n(d+2)/4)^{-1/(d+4)}`, or a number
        above 0 in the unit of the features.
    algorithm : "exact" or index object, default="exact"
        The holder of the training rows: this detector, or an index. An index that is fitted to the
        same rows is used as it is; another index is cloned and fitted. The kernels of all its rows
        are summed; with a `skood.parallel.ShardedIndex`, by the workers.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.
    n_jobs : int or None, default=None
        Number of threads. None means as many as the BLAS uses, -1 all processors that the process
        may use.

    Attributes
    ----------
    index_ : NeighborIndex
        The fitted index, if one was given.
    bandwidth_ : float
        The width of the kernel.
    training_rows_ : ndarray or StoredRows of shape (n_samples, n_features)
        The training rows; those on disk stay there.
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
    Scores of new rows equal those of ``sklearn.neighbors.KernelDensity`` with the same bandwidth,
    if its `leaf_size` is the number of training rows. With smaller leaves its bounds lose digits
    where most kernels are small, as with many features (scikit-learn issue 25799).

    The log density is, up to constants, the entropy of the kernels' weights minus the weighted mean
    of the squared distances to the training rows, in units of :math:`2h^2`. `explain` divides this
    mean among the features; the rest is the base, which varies from row to row. So a share grows
    with the distance of the weighted training rows in one feature. It is half of the difference
    times the slope of the score. The weights of the neighbours are their shares among all training
    rows.

    Temporary arrays stay within scikit-learn's ``working_memory`` setting.

    References
    ----------
    Silverman (1986), Density estimation for statistics and data analysis, equation 4.1 and
    section 4.3.2. Scott (2015), Multivariate density estimation, section 6.3.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KernelDensityOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = KernelDensityOutlierDetector().fit(X)
    >>> detector.predict([[0.0, 0.0], [6.0, 6.0]])
    array([ 1, -1])
    """

    _threshold_is_apart = True

    def __init__(
        self,
        bandwidth: str | float = "scott",
        *,
        algorithm: str | NeighborIndex = "exact",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.algorithm = algorithm
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
        return self._fit_rows(X)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add training rows: scores and threshold equal those of `fit` on all rows so far.

        The bandwidth falls with the number of rows. So each call sets the threshold again, at the
        cost of a fit. With an int as `random_state`, the same rows set it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2 in the first call. Later rows are converted to the
            float type of the first call.
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
            `algorithm` is an index whose rows lie on several workers.
        """
        if not hasattr(self, "training_rows_"):
            return self.fit(X, y)
        self._check_parameters()
        if is_over_shards(self.algorithm):
            allowed = "'exact' or an index in this process, for partial_fit"
            raise parameter_error(self, "algorithm", allowed, self.algorithm)
        X, y = without_ood_rows(self, X, y)
        X = check_new_rows(self, X, self.training_rows_.dtype, stored=True)
        self._append_labels(y, len(X))
        return self._fit_rows(joined_rows(self.training_rows_, X), more=True)

    def _fit_rows(self, X: Any, *, more: bool = False) -> Self:
        self._hold(X)
        X = self.training_rows_
        self.bandwidth_ = self._find_bandwidth(*X.shape)
        self._centre = kernel_centre(X)
        rows = self._draw_threshold_rows(len(X), more=more)
        Q = X if len(rows) == len(X) else X[rows]
        self._set_threshold(rows, self._log_density(Q, rows))
        self._warn_of_ties(Q)
        return self

    def _warn_of_ties(self, Q: Any) -> None:
        """Warn if the bandwidth makes all scores of different rows tie."""
        if np.ptp(self.training_scores_) > TIE_TOLERANCE * np.abs(self.training_scores_).max():
            return
        reach = row_norms(np.asarray(Q) - Q[:1]).max() / self.bandwidth_
        if 0 < reach < 1e-3:  # rows farther apart tie for another reason
            what = f"All rows lie within {reach:.2g} bandwidths, so that their scores tie"
            message = f"{what}: give another 'bandwidth', or scale the columns."
            warnings.warn(message, UserWarning, stacklevel=4)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by the logarithm of the density of training rows around them.

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
        check_is_fitted(self, "training_rows_")
        if is_over_shards(self.algorithm):
            return self._log_density(self.shard_stages().checked(X), None)
        rounded = is_rounded(X, self.training_rows_.dtype)
        X = check_new_rows(self, X, self.training_rows_.dtype, stored=True)
        return self._log_density(*self._with_equal(X, rounded))

    def explain(
        self, X: Any, *, n_neighbors: int = 10, linear_map: LinearMap | None = None
    ) -> Explanation:
        """Explain scores: the share of each feature, and the training rows of most weight.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        n_neighbors : int, default=10
            Number of nearest training rows in the explanation.
        linear_map : LinearMap or None, default=None
            The map from the original features to X: the shares are then those of the original
            features. `skood.explain` finds it in a Pipeline.

        Returns
        -------
        Explanation
            ``scores == base - shares.sum(axis=1)``, except for very distant rows, whose score is
            clipped to the smallest float. The notes of the class define shares and base.

        Raises
        ------
        ValueError
            If a parameter or X is not valid, has another number of features, or other column names.
        """
        check_is_fitted(self, "training_rows_")
        check_int(f"{type(self).__name__}.explain", "n_neighbors", n_neighbors, 1)
        rounded = is_rounded(X, self.training_rows_.dtype)
        X = check_new_rows(self, X, self.training_rows_.dtype, stored=True)
        if is_over_shards(self.algorithm):
            raise ValueError(
                "KernelDensityOutlierDetector.explain needs all training rows in this process, and "
                "a ShardedIndex keeps them on the workers."
            )
        X, exclude = self._with_equal(X, rounded)
        return explain_by_kernels(
            self, X, exclude, self._log_density(X, exclude), n_neighbors, linear_map
        )

    def _check_parameters(self) -> None:
        value = self.bandwidth
        if isinstance(value, str):
            valid = value in _RULES
        else:
            number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
            valid = number and 0 < value < np.inf
        if not valid:
            allowed = "one of " + ", ".join(map(repr, _RULES)) + " or a float in (0, inf)"
            raise parameter_error(self, "bandwidth", allowed, value)
        if not isinstance(self.algorithm, NeighborIndex):
            check_option(self, "algorithm", self.algorithm, ("exact",))
        check_n_jobs(self)
        self._check_threshold_parameters()

    def _find_bandwidth(self, n: int, d: int) -> float:
        if self.bandwidth == "scott":
            return n ** (-1 / (d + 4))
        if self.bandwidth == "silverman":
            return (n * (d + 2) / 4) ** (-1 / (d + 4))
        return float(self.bandwidth)

    def conformal_methods(self) -> tuple[str, ...]:
        """The methods of `ConformalOutlierDetector` that these parameters allow, the best first."""
        return ("split",) if is_over_shards(self.algorithm) else ("full", "cv+", "split")

    def full_conformal(self, X: Any) -> FullByKernels:  # noqa: ARG002
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
        return FullByKernels(self)

    def shard_stages(self) -> KernelStages:
        """How the fitted detector scores rows over shards."""
        return KernelStages(self)

    def _hold(self, X: Any) -> None:
        """Keep the training rows, here or in the given index."""
        self._forget("index_", "_lookup")
        if isinstance(self.algorithm, NeighborIndex):
            self.index_ = fitted_on(self.algorithm, X)
            self.training_rows_ = self.index_.training_rows_
        else:
            self.training_rows_ = X
            self._lookup = RowLookup(X)

    def _with_equal(self, X: Any, rounded: bool) -> tuple[Any, NDArray[np.intp]]:
        """The rows, and for each the position of the training row that it equals, or -1."""
        find = self.index_.find_equal if hasattr(self, "index_") else self._lookup.find
        equal = find(X, rounded=rounded)
        return restored(X, self.training_rows_, equal) if rounded else X, equal

    def _log_density(self, Q: NDArray, exclude: NDArray[np.intp] | None) -> NDArray[np.float64]:
        """Log density at the rows of Q, each with the training row at `exclude` left out.

        With `exclude` None, over shards, one equal copy is left out.
        """
        if exclude is None or is_over_shards(self.algorithm):
            return self.index_.run(self.shard_stages(), Q, exclude)[0]
        counts = len(self.training_rows_) - (exclude >= 0)
        log_sum = self._log_sums(Q, self.training_rows_, exclude)
        return log_density_of_sum(log_sum, counts, Q.shape[1], self.bandwidth_)

    def _log_sums(
        self, Q: NDArray, rows: Any, exclude: NDArray[np.intp], **others: float
    ) -> NDArray[np.float64]:
        """Logarithms of the sums of the kernels of these training rows."""
        how: dict[str, Any] = {"bandwidth": self.bandwidth_, "centre": self._centre} | others
        most = max(1, len(Q) // _FEWEST_ROWS)
        threads = min(n_threads(self.n_jobs), most) if most > 1 else 1
        blocks = _blocks_within(working_memory_bytes() // threads, Q.shape[1])
        # the same number of parts for each thread, of about one size
        n_parts = -(-len(Q) // (blocks[0] * threads)) * threads
        size = -(-len(Q) // n_parts)

        def score(part: slice) -> NDArray[np.float64]:
            return log_kernel_sum(Q[part], rows, exclude=exclude[part], blocks=blocks, **how)

        parts = slices(len(Q), size)
        if threads == 1:
            return np.concatenate([score(part) for part in parts])
        with single_threaded_blas(), ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(score, parts)))


def _blocks_within(max_bytes: int, d: int) -> tuple[int, int]:
    """The numbers of rows and training rows to compare at a time."""
    m, b = BLOCKS
    # exponents, and those of half the rows once more; rows and training rows, these with a copy
    while 8 * (3 * m * b // 2 + (m + 2 * b) * (d + 1)) > max_bytes and m > 1:
        m, b = m // 2, b // 2
    return m, b
