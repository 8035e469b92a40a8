"""Detector by the Mahalanobis distance."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    check_labels,
    check_new_rows,
    check_option,
    check_training_rows,
    discrete_classes,
    parameter_error,
    working_memory_bytes,
)
from ..explanation import Explanation, LinearMap
from ..explanation.given_features import given_names
from ..measures.lengths import row_norms
from ..measures.row_moments import RowMoments, moments_of_rows
from ..rows.fingerprints import RowFingerprints
from ..rows.sums import SumsPlan
from ._gaussian_explanation import explain_by_gaussians
from ._gaussian_sums import GaussianSums, arguments_of_parts, sums_of_part
from .class_gaussians import COVARIANCES, ClassGaussians

_BLOCK_BYTES = 1 << 23  # of rows in float64 and their distances at a time
_MOMENT_BYTES = 1 << 26  # of rows in float64 at a time, for their sums: few blocks for many classes


class MahalanobisOutlierDetector(OODDetectorMixin, BaseEstimator):
    r"""Out-of-distribution detector by the Mahalanobis distance (MD).

    The score is minus the distance of a row from the mean, in standard deviations,

    .. math:: \mathrm{MD}(x) = \sqrt{(x - \mu)^\top \Sigma^{-1} (x - \mu)}.

    Class labels given to `fit` in y make it class-conditional: the smallest distance from a class
    mean, with one covariance of the rows about the means of their classes.

    Parameters
    ----------
    covariance : {"ledoit_wolf", "empirical", "oas", "mincovdet"}, default="ledoit_wolf"
        The estimate of the covariance. "ledoit_wolf" and "oas" shrink it towards the mean variance,
        which also serves where there are fewer rows than features. "mincovdet" describes the
        densest half of the rows and so is not pulled by outliers among them; class means are then
        medians, moved together by the mean that it finds.
    normalize : bool, default=False
        Divide each row by its length first (Mahalanobis++). For embeddings, whose length says
        little about where they come from.
    relative : bool, default=False
        Take off the distance from one distribution of all rows: the score is
        :math:`\mathrm{MD}_0^2(x) - \min_c \mathrm{MD}_c^2(x)`, on squared distances as in the
        paper. It needs labels of at least two classes in y, since it is 0 everywhere without.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        At most so many training rows, drawn at random, set the threshold. None: all of them.
    random_state : int, RandomState instance or None, default=None
        Draws these rows, and the subsets that "mincovdet" starts from.

    Attributes
    ----------
    location_ : ndarray of shape (n_classes, n_features)
        The mean of each class, in the order of `classes_`; a single row without classes. In the
        unit of X, or of rows of length 1 with ``normalize=True``; likewise the next two.
    covariance_ : ndarray of shape (n_features, n_features)
        The estimated covariance.
    precision_ : ndarray of shape (n_features, n_features)
        Its inverse. The eigenvalues of a singular covariance are raised first, to rounding error.
    shrinkage_ : float
        Share of the mean variance in the covariance, 0 for "empirical"; not for "mincovdet".
    offset_ : float
        The threshold: rows with a score below are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold, each with itself left out.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray of shape (n_classes,)
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Warns
    -----
    UserWarning
        If there are too few rows for the "empirical" covariance or "mincovdet" to have an inverse.
    RuntimeWarning
        By scikit-learn's `MinCovDet`, that a determinant has increased: the densest half of the
        rows has fewer dimensions than all.

    Notes
    -----
    A training row is left out of the means and the covariance in closed form, at the shrinkage of
    all rows (see `skood.measures.left_out_mahalanobis_distance`). This matters: with fewer rows
    than features, each row pulls the covariance towards itself, and training rows would look much
    nearer than new ones. The training rows are not kept; fingerprints of about 20 bytes a row tell
    whether a new row equals one of them. With "mincovdet" nothing is left out: a single row hardly
    moves a robust estimate.

    `explain` gives each feature its difference from the nearest class mean times the slope of the
    distance in it, :math:`(x - \mu)_j\,(\Sigma^{-1}(x - \mu))_j / \mathrm{MD}(x)`, whose sum is the
    distance. A feature that lies as the others, which it goes along with, have led to expect may
    have a negative share. With ``relative=True`` it is the difference of such shares of the squared
    distances, and with ``normalize=True`` the features are those of rows divided by their lengths.

    Features that never vary stay out of the shrinkage, so that they change nothing in the others,
    and get the mean variance times the shrinkage.

    References
    ----------
    Lee et al. (2018), A simple unified framework for detecting out-of-distribution samples and
    adversarial attacks, equations 1 and 2 (class-conditional). Ren et al. (2021), A simple fix to
    Mahalanobis distance for improving near-OOD detection, the definition of RMD (`relative`).
    Müller and Hein (2025), Mahalanobis++: improving OOD detection via feature normalization
    (`normalize`).
    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import MahalanobisOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.repeat(["left", "right"], 100)
    >>> X[100:, 0] += 20.0
    >>> MahalanobisOutlierDetector().fit(X).predict([[0.0, 0.0], [10.0, 0.0]])
    array([1, 1])
    >>> MahalanobisOutlierDetector().fit(X, y).predict([[0.0, 0.0], [10.0, 0.0]])
    array([ 1, -1])
    """

    _moments: list[RowMoments]

    def __init__(
        self,
        *,
        covariance: str = "ledoit_wolf",
        normalize: bool = False,
        relative: bool = False,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.covariance = covariance
        self.normalize = normalize
        self.relative = relative
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate the means and the covariance, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2. Rows on disk (a memory map, a Zarr array, what
            `skood.open_rows` opens) are read block by block, but for "mincovdet".
        y : array-like of shape (n_samples,), optional
            Class labels make the distance class-conditional. Values that are no labels (floats with
            a fraction) are not used.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if ``relative=True`` without labels of at
            least two classes, if ``normalize=True`` and a row is all zero, or if
            ``covariance="mincovdet"`` and half of the rows are equal.
        """
        self._check_parameters()
        X = check_training_rows(self, X, stored=True)
        codes = self._codes(y, len(X))
        self._check_classes(np.bincount(codes))
        self._forget("_sample", "_moments")
        self._fit_gaussians(X, codes)
        self._fingerprints = RowFingerprints(X)
        self._row_classes = codes.astype(np.min_scalar_type(int(codes.max())))
        self._dtype = X.dtype
        rows = self._draw_threshold_rows(len(X))
        self._set_threshold(rows, self._score(X[rows]))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Take in more training rows: the estimates are those of all rows so far.

        The sums that the estimates are made of go on, in float64, with d² numbers for each class.
        A detector that was begun by `partial_fit` keeps the rows that set the threshold as well, so
        that this, too, is that of `fit` on all rows (for a `random_state` that is an int).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2 in the first call.
        y : array-like of shape (n_samples,), optional
            Class labels, in every call or in none. Classes that are new may come at any time.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if ``covariance="mincovdet"``, which is not
            made of sums, or if labels come in some calls only.

        Warns
        -----
        UserWarning
            If the detector was begun by `fit`, which keeps no rows: then only the rows given to
            `partial_fit` set the threshold. The scores are exact all the same.
        """
        self._check_parameters()
        if self.covariance == "mincovdet":
            allowed = "'ledoit_wolf', 'empirical' or 'oas' for partial_fit: it needs sums over rows"
            raise parameter_error(self, "covariance", allowed, self.covariance)
        if not hasattr(self, "_fingerprints"):
            self.fit(X, y)
            X = check_new_rows(self, X, self._dtype, stored=True)
            self._sample = X[self.training_indices_]
            return self
        if getattr(self, "_moments", None) is None:
            raise ValueError(
                f"partial_fit of {type(self).__name__} goes on from sums over rows, which the fit "
                "before it has not made: of 'mincovdet' there are none, and of so many classes and "
                "features they would not fit into the working memory. Begin with partial_fit."
            )
        X = check_new_rows(self, X, self._dtype, stored=True)
        self._lengths(X)  # no row of zeros, before anything is changed
        n_before = len(self._row_classes)
        codes = self._take_in_labels(y, len(X))
        self._add_moments(X, codes)
        self._set_gaussians()
        self._fingerprints = self._fingerprints.extended(X)
        self._row_classes = np.concatenate([self._row_classes, codes]).astype(
            np.min_scalar_type(len(self._moments))
        )
        self._renew_threshold(X, n_before)
        return self

    def plan_sums(self, head: Any, sizes: Sequence[int], y: Any = None) -> SumsPlan | None:
        """Begin a fit by sums over parts of the rows, of which `head` are the first.

        Parameters
        ----------
        head : array-like of shape (m, n_features)
            Some rows, for their type and columns.
        sizes : sequence of int
            Number of rows of each part.
        y : array-like of shape (n_samples,), optional
            Class labels of all rows.

        Returns
        -------
        SumsPlan or None
            None where the estimates are not made of sums: for "mincovdet", for so many classes and
            features that the sums would not fit into the working memory, and for less than 2 rows.
        """
        self._check_parameters()
        n = int(sum(sizes))
        head = check_training_rows(self, head, min_samples=1)
        codes = self._codes(y, n)
        n_classes, d = int(codes.max(initial=0)) + 1, head.shape[1]
        within = 8 * n_classes * d * d <= working_memory_bytes()
        if n < 2 or self.covariance == "mincovdet" or not within:
            return None
        self._check_classes(np.bincount(codes))
        self._forget("_sample", "_moments")
        rows = self._draw_threshold_rows(n)

        def finish(sums: GaussianSums) -> None:
            self._moments = [sums.moments[code] for code in range(n_classes)]
            self._set_gaussians()
            self._fingerprints = sums.fingerprints
            self._row_classes = codes.astype(np.min_scalar_type(n_classes - 1))
            self._dtype = head.dtype
            self._set_threshold(rows, self._score(sums.sample))

        return SumsPlan(sums_of_part, arguments_of_parts(self, sizes, codes, rows), finish)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows: how near they are to the training distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to score. A row that equals a training row is scored with one equal copy left
            out, as the training rows are.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution. Minus a distance in standard deviations; with
            ``relative=True`` a difference of squared distances, which may be above 0.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names, or if
            ``normalize=True`` and a row is all zero.
        """
        check_is_fitted(self)
        return self._score(check_new_rows(self, X, self._dtype, stored=True))

    @property
    def _score_is_distance(self) -> bool:
        return not self.relative

    def _check_parameters(self) -> None:
        check_option(self, "covariance", self.covariance, COVARIANCES)
        for name in ("normalize", "relative"):
            value = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                raise parameter_error(self, name, "True or False", value)
        self._check_threshold_parameters()

    def explain(self, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
        """Explain scores: each feature's share, and the nearest class.

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
            ``scores == -shares.sum(axis=1)``. What the shares are, the notes of the class say.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names, or if
            ``normalize=True`` and a row is all zero.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X, self._dtype, stored=True)
        parts = [
            explain_by_gaussians(self._gaussians, self._background, *block, linear_map)
            for block in self._blocks(X)
        ]
        shares, nearest = map(np.concatenate, zip(*parts, strict=True))
        scores = self._score(X)
        return Explanation(
            scores,
            shares,
            given_names(self, shares.shape[1], linear_map),
            np.zeros_like(scores),
            nearest_class=self.classes_[nearest] if hasattr(self, "classes_") else None,
        )

    def _check_classes(self, counts: NDArray[np.intp]) -> None:
        n_classes = len(counts)
        if self.relative and n_classes < 2:
            allowed = "False unless y holds class labels of at least 2 classes"
            raise parameter_error(self, "relative", allowed, self.relative)
        n, d = int(counts.sum()), self.n_features_in_
        if self.covariance in ("empirical", "mincovdet") and n - n_classes < d:
            warnings.warn(
                f"covariance={self.covariance!r} of {type(self).__name__} is singular for {n} rows "
                f"of {n_classes} class(es) with {d} features; use 'ledoit_wolf', which is meant "
                "for few rows.",
                UserWarning,
                stacklevel=3,
            )

    def _codes(self, y: Any, n: int) -> NDArray[np.intp]:
        """The class of each row as its position in `classes_`; 0 for all without labels."""
        y = self._store_classes(y, n)
        if hasattr(self, "classes_"):
            return np.searchsorted(self.classes_, y)
        return np.zeros(n, dtype=np.intp)

    def _fit_gaussians(self, X: NDArray, codes: NDArray[np.intp]) -> None:
        n_classes, d = int(codes.max()) + 1, X.shape[1]
        if self.covariance != "mincovdet" and 8 * n_classes * d * d <= working_memory_bytes():
            self._moments = []
            self._add_moments(X, codes)
            self._set_gaussians()
            return
        rows = self._float64_rows(np.asarray(X), self._lengths(X))
        self._gaussians = ClassGaussians.fit(rows, codes, self.covariance, self.random_state)
        self._background = None
        if self.relative:
            everything = np.zeros_like(codes)
            self._background = ClassGaussians.fit(
                rows, everything, self.covariance, self.random_state
            )
        self._publish_estimates()

    def _add_moments(self, X: NDArray, codes: NDArray[np.intp]) -> None:
        """Add the rows to the sums of their classes."""
        step = max(1, _MOMENT_BYTES // (8 * X.shape[1]))
        found: list[RowMoments | None] = [*self._moments]
        for start in range(0, X.shape[0], step):
            part = slice(start, start + step)
            block = X[part]
            rows = self._float64_rows(block, self._lengths(block, start))
            for code in np.unique(codes[part]):
                members = codes[part] == code
                found += [None] * (int(code) + 1 - len(found))
                own = moments_of_rows(rows if members.all() else rows[members])
                before = found[code]
                found[code] = own if before is None else before.merged(own)
        self._moments = [one for one in found if one is not None]

    def _set_gaussians(self) -> None:
        """Make the estimates of the sums."""
        self._gaussians = ClassGaussians.of_moments(self._moments, self.covariance)
        self._background = None
        if self.relative:
            together = reduce(RowMoments.merged, self._moments)
            self._background = ClassGaussians.of_moments([together], self.covariance)
        self._publish_estimates()

    def _take_in_labels(self, y: Any, n: int) -> NDArray[np.intp]:
        """Codes of the new rows' classes; new classes find their place among the old ones."""
        y = check_labels(y, n)
        classes = discrete_classes(y)
        self._check_labels_go_on(classes)
        if classes is None:
            self._check_classes(np.array([len(self._row_classes) + n]))
            return np.zeros(n, dtype=np.intp)
        old, self.classes_ = self.classes_, np.union1d(self.classes_, classes)
        moved = np.searchsorted(self.classes_, old)
        self._row_classes = moved[self._row_classes]
        codes = np.searchsorted(self.classes_, y)
        counts = np.bincount(np.concatenate([self._row_classes, codes]))
        self._check_classes(counts)
        placed: list[Any] = [None] * len(self.classes_)
        for code, moments in zip(moved, self._moments, strict=True):
            placed[code] = moments
        self._moments = placed
        return codes

    def _renew_threshold(self, X: NDArray, n_before: int) -> None:
        """Draw the rows that set the threshold anew, as one fit on all rows would."""
        begun_by_fit = not hasattr(self, "_sample")
        if begun_by_fit:
            warnings.warn(
                f"{type(self).__name__} was fitted by fit, which keeps no rows: only rows given to "
                "partial_fit set its threshold. Begin with partial_fit for that of all rows.",
                UserWarning,
                stacklevel=3,
            )
            self._sample, self._sample_from = X[:0], n_before
            self.training_indices_ = np.empty(0, dtype=np.intp)
        first = getattr(self, "_sample_from", 0)
        rows = first + self._draw_threshold_rows(n_before + len(X) - first, more=True)
        old = np.isin(self.training_indices_, rows)
        new = rows[rows >= n_before] - n_before
        self._sample = np.concatenate([np.asarray(self._sample)[old], X[new]])
        self._set_threshold(rows, self._score(self._sample))

    def _publish_estimates(self) -> None:
        self.location_ = self._gaussians.location
        self.covariance_ = self._gaussians.covariance
        self.precision_ = self._gaussians.precision
        if self._gaussians.shrinkage is not None:
            self.shrinkage_ = self._gaussians.shrinkage
        elif hasattr(self, "shrinkage_"):
            del self.shrinkage_

    def _score(self, X: NDArray) -> NDArray[np.float64]:
        return np.concatenate([self._score_rows(*block) for block in self._blocks(X)])

    def _score_moved(self, X: NDArray, moved: NDArray) -> NDArray[np.float64]:
        """Scores of rows that others were moved to; of those others, training rows are left out."""
        found, start = [], 0
        for rows, own_class in self._blocks(X):
            part = moved[start : start + len(rows)]
            points = self._float64_rows(part, self._lengths(part))
            found.append(self._score_rows(rows, own_class, points))
            start += len(rows)
        return np.concatenate(found)

    def _blocks(self, X: NDArray) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
        """Rows ready for the distances, and the class of those that are training rows, else -1."""
        lengths = self._lengths(X)
        step = max(1, _BLOCK_BYTES // (8 * (X.shape[1] + len(self.location_))))
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            equal = self._fingerprints.find(X[part])
            own_class = np.where(equal >= 0, self._row_classes[equal].astype(np.intp), -1)
            yield self._float64_rows(X[part], None if lengths is None else lengths[part]), own_class

    def _score_rows(
        self,
        rows: NDArray[np.float64],
        own_class: NDArray[np.intp],
        at: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        nearest = self._gaussians.distances(rows, own_class, at).min(axis=1)
        if self._background is None:
            return -nearest
        overall = self._background.distances(rows, np.minimum(own_class, 0), at)[:, 0]
        with np.errstate(over="ignore"):
            difference = (overall - nearest) * (overall + nearest)
        largest = np.finfo(np.float64).max
        return np.clip(difference, -largest, largest)

    def _lengths(self, X: NDArray, first: int = 0) -> NDArray[np.float64] | None:
        """Lengths by which the rows are divided; None where they are not.

        `first` is the position of the first row, for the error about a row of zeros.
        """
        if not self.normalize:
            return None
        lengths = row_norms(X)
        zero = np.flatnonzero(lengths == 0)
        if zero.size:
            raise ValueError(
                f"normalize=True of {type(self).__name__} needs rows that are not all zero. Got "
                f"{zero.size} row(s) of zeros, the first at position {first + zero[0]}; drop them "
                "or use normalize=False."
            )
        return lengths

    def _float64_rows(self, X: NDArray, lengths: NDArray[np.float64] | None) -> NDArray[np.float64]:
        rows = X.astype(np.float64, copy=False)
        return rows if lengths is None else rows / lengths[:, np.newaxis]
