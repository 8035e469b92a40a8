"""Detector by the Mahalanobis distance."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import (
    check_new_rows,
    check_option,
    check_training_rows,
    parameter_error,
    without_ood_rows,
)
from ..rows.fingerprints import RowFingerprints
from ..rows.sums import FitsBySums, SumsPlan
from ._class_sums import ClassSums
from ._full_gaussian import FullByGaussians
from ._gaussian_detector import GaussianDetector
from ._gaussian_fit import check_classes, estimates_of_rows, estimates_of_sums, is_made_of_sums
from ._gaussian_sums import GaussianSums, arguments_of_parts, sums_of_part
from .class_gaussians import COVARIANCES


class MahalanobisOutlierDetector(FitsBySums, GaussianDetector):
    r"""Out-of-distribution detector by the Mahalanobis distance (MD).

    The score is minus the distance of a row from the mean, in standard deviations,

    .. math:: \mathrm{MD}(x) = \sqrt{(x - \mu)^\top \Sigma^{-1} (x - \mu)}.

    Class labels in the y of `fit` make it class-conditional: the smallest distance from a class
    mean, with one covariance of the rows around the means of their classes.

    Parameters
    ----------
    covariance : {"ledoit_wolf", "empirical", "oas", "mincovdet"}, default="ledoit_wolf"
        The estimate of the covariance. "ledoit_wolf" and "oas" shrink it towards the mean variance,
        which also works with fewer rows than features. "mincovdet" describes the densest half of
        the rows, so odd rows have no effect. Class means are then medians, all moved by the mean of
        that half.
    normalize : bool, default=False
        Divide each row by its length first (Mahalanobis++), for embeddings whose length says little
        about their origin.
    relative : bool, default=False
        Subtract the distance from one distribution of all rows: the score is
        :math:`\mathrm{MD}_0^2(x) - \min_c \mathrm{MD}_c^2(x)`, on squared distances as in the
        paper. It needs labels of at least two classes in y: with one class it is 0 everywhere. Both
        covariances have the shrinkage of the classes' covariance.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows, and the first subsets of "mincovdet".

    Attributes
    ----------
    location_ : ndarray of shape (n_classes, n_features)
        The mean of each class, in the order of `classes_`; a single row without classes. In the
        unit of X, or of rows of length 1 with ``normalize=True``, as the next two attributes.
    covariance_ : ndarray of shape (n_features, n_features)
        The estimated covariance.
    precision_ : ndarray of shape (n_features, n_features)
        Its inverse. The zero eigenvalues of a singular covariance are first raised to rounding
        error.
    shrinkage_ : float
        Share of the mean variance in the covariance, 0 for "empirical". "mincovdet" has none.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
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
        From scikit-learn's `MinCovDet`, about a determinant that has increased, if the densest half
        of the rows has fewer dimensions than all rows.

    Notes
    -----
    A training row is left out of the means and the covariance in closed form, at the shrinkage of
    all rows (see `skood.measures.left_out_mahalanobis_distance`). Otherwise, with fewer rows than
    features, each row pulls the covariance towards itself, and training rows look much nearer than
    new rows. The detector keeps no training rows. Fingerprints of about 45 bytes a row recognise a
    new row that equals a training row, also in another float type. With "mincovdet" no row is left
    out: a single row hardly changes a robust estimate.

    `explain` gives each feature its difference from the nearest class mean times the slope of the
    distance in it, :math:`(x - \mu)_j\,(\Sigma^{-1}(x - \mu))_j / \mathrm{MD}(x)`; the sum of
    these is the distance. A feature may have a negative share if correlated features predict its
    value. With ``relative=True`` shares are the difference of such shares of the squared distances.
    With ``normalize=True`` the features are those of rows divided by their lengths.

    Constant features are left out of the shrinkage, so they have no effect on other features. Their
    variance is the mean variance times the shrinkage.

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
            In-distribution rows, at least 2. Rows on disk (a memory map, a Zarr array, rows of
            `skood.open_rows`) are read block by block, except for "mincovdet".
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
        X, y = without_ood_rows(self, X, y)
        X = check_training_rows(self, X, stored=True)
        codes = self._codes(y, len(X))
        check_classes(self, np.bincount(codes))
        self._forget("_sample")
        self._keep(estimates_of_rows(self, X, codes), RowFingerprints(X), codes)
        self._dtype = X.dtype
        rows = self._draw_threshold_rows(len(X))
        self._set_threshold(rows, self._score(X[rows]))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add training rows: the estimates equal those of `fit` on all rows so far.

        The estimates come from sums in float64, d² numbers for each class, which each call updates.
        If the first call was `partial_fit`, the detector also keeps the rows that set the
        threshold. With an int as `random_state`, its threshold then equals that of `fit` on all
        rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows, at least 2 in the first call.
        y : array-like of shape (n_samples,), optional
            Class labels, in every call or in none. New classes may come at any time.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if ``covariance="mincovdet"``, which does not
            come from sums, or if labels come in some calls only.

        Warns
        -----
        UserWarning
            If the first call was `fit`: `fit` keeps no rows, so only rows of `partial_fit` set the
            threshold. The scores are exact anyway.
        """
        self._check_parameters()
        if self.covariance == "mincovdet":
            allowed = "'ledoit_wolf', 'empirical' or 'oas' for partial_fit: it needs sums over rows"
            raise parameter_error(self, "covariance", allowed, self.covariance)
        X, y = without_ood_rows(self, X, y)
        if not hasattr(self, "_fingerprints"):
            self.fit(X, y)
            X = check_new_rows(self, X, self._dtype, stored=True)
            self._sample = X[self.training_indices_]
            return self
        moments = getattr(self, "_moments", None)
        if moments is None:
            raise ValueError(
                f"partial_fit of {type(self).__name__} adds to sums over rows, which the fit "
                "before it did not keep: 'mincovdet' has none, and sums for this number of classes "
                "and features exceed the working memory. Begin with partial_fit."
            )
        X = check_new_rows(self, X, self._dtype, stored=True)
        scaling, n_before = self._scorer.scaling, len(self._row_classes)
        scaling.lengths(X)  # no row of zeros, before anything is changed
        codes, sums = self._more_codes(y, len(X), ClassSums(moments, self._row_classes))
        sums = sums.added(X, codes, scaling)
        check_classes(self, np.bincount(sums.row_classes))
        fingerprints = self._fingerprints.extended(X)
        self._keep(estimates_of_sums(self, sums.moments), fingerprints, sums.row_classes)
        self._renew_threshold(X, n_before)
        return self

    def conformal_methods(self) -> tuple[str, ...]:
        """The methods of `ConformalOutlierDetector` that these parameters allow, the best first."""
        return ("cv+", "split") if self.covariance == "mincovdet" else ("full", "cv+", "split")

    def full_conformal(self, X: Any) -> FullByGaussians:
        """Full conformal ranks of new rows among the training rows of the fitted detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows.

        Returns
        -------
        object
            With `training_scores` and `counts`.
        """
        return FullByGaussians(self, X)

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

    def _plan_sums(self, head: Any, sizes: Sequence[int], y: Any) -> SumsPlan | None:
        self._check_parameters()
        head = check_training_rows(self, head, min_samples=1)
        codes = self._codes(y, int(sum(sizes)))
        if not is_made_of_sums(self.covariance, int(codes.max()) + 1, head.shape[1]):
            return None
        check_classes(self, np.bincount(codes))
        self._forget("_sample")
        rows = self._draw_threshold_rows(len(codes))

        def finish(sums: GaussianSums) -> None:
            self._keep(estimates_of_sums(self, sums.by_class()), sums.fingerprints, codes)
            self._dtype = head.dtype
            self._set_threshold(rows, self._score(sums.sample))

        return SumsPlan(sums_of_part, arguments_of_parts(self, sizes, codes, rows), finish)

    def _codes(self, y: Any, n: int) -> NDArray[np.intp]:
        """The class of each row as its position in `classes_`; 0 for all without labels."""
        y, classes = self._store_classes(y, n), getattr(self, "classes_", None)
        return np.zeros(n, dtype=np.intp) if classes is None else np.searchsorted(classes, y)

    def _more_codes(self, y: Any, n: int, sums: ClassSums) -> tuple[NDArray[np.intp], ClassSums]:
        """Class codes of more rows, and the sums with the old classes at their new places."""
        before, labels = getattr(self, "classes_", None), self._add_classes(y, n)
        if labels is None or before is None:
            return np.zeros(n, dtype=np.intp), sums
        places = np.searchsorted(self.classes_, before)
        return np.searchsorted(self.classes_, labels), sums.placed(places, len(self.classes_))

    def _renew_threshold(self, X: NDArray, n_before: int) -> None:
        """Draw the rows that set the threshold again, as one fit on all rows would."""
        if not hasattr(self, "_sample"):
            warnings.warn(
                f"{type(self).__name__} was fitted by fit, which keeps no rows: only rows given to "
                "partial_fit set its threshold. Begin with partial_fit to use all rows.",
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
