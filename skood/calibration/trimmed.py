"""Any detector, fitted without the least typical of its training rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags, indexable
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    check_float,
    check_int,
    check_methods,
    check_training_rows,
    last_step,
    parameter_error,
    positions_inside,
    select_rows,
)
from ..measures.threshold import contamination_threshold
from ..measures.ties import below_ties
from ..neighbors.index_choice import feasible_n_neighbors
from ._calibration_rows import known_rows, learns_from_labels
from ._typicality import least_typical, wide_neighborhood


class TrimmedOutlierDetector(OODDetectorMixin, BaseEstimator):
    """Any detector, for training rows with odd rows among them.

    For a detector by few neighbours, an odd training row is normal: new rows like it get a high
    score. Here the least typical training rows are left out before the fit of the detector. These
    are the rows with the largest distance to their `n_neighbors`-th nearest row, on columns in
    units of their middle half. A group of fewer than `n_neighbors` odd rows is also far from that
    row, however tight it is.

    The rows left out still count in the threshold: a share `contamination` of all training rows
    lies below it. So with a clean training set, leaving out rows causes no false alarms.

    Parameters
    ----------
    detector : estimator
        A detector with `fit` and `score_samples`, higher for in-distribution rows, or a Pipeline
        that ends in one; not changed.
    trim : float, default=0.05
        Largest share of the training rows to leave out, in [0, 0.5]; of equally typical rows all or
        none are left out. With class labels it is the share of each class.
    n_neighbors : int or None, default=None
        The neighbour whose distance measures how typical a row is. Choose it larger than any group
        of odd rows. If there are not more training rows than this, the furthest row is taken, with
        a warning. None: a tenth of the rows, at least 20; above 2,000 rows, the 200th among 2,000
        rows drawn at random.
    contamination : float or None, default=None
        Share of all training rows, also those left out, that lies below the threshold, in (0, 0.5].
        None: the `contamination` of the detector.
    n_jobs : int or None, default=None
        Number of threads of the search for these neighbours. None means as many as the BLAS uses,
        -1 all processors that the process may use.

    Attributes
    ----------
    detector_ : estimator
        The detector, fitted to the other rows. Its own threshold comes from these rows.
    trimmed_indices_ : ndarray of shape (n_trimmed,)
        Positions of the rows left out, ascending.
    n_neighbors_ : int
        The neighbour used.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold, each by a fit without it.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they have names.

    Notes
    -----
    It misses odd rows between normal rows, and groups of more than `n_neighbors_` odd rows. Leaving
    out rows is no substitute for clean rows.

    `fit` searches for the neighbours of all training rows, and reads rows on disk into memory.
    There is no `partial_fit`, because leaving out needs all rows at once. If all labels in y are +1
    or -1, only rows of +1 are training rows, unless the detector learns from -1: then it gets all
    rows of -1.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import LCPOutlierDetector, TrimmedOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(970, 2)), rng.normal([6.0, 6.0], 0.3, size=(30, 2))])
    >>> new = rng.normal([6.0, 6.0], 0.3, size=(100, 2))  # like 3 % of the training rows
    >>> int((LCPOutlierDetector().fit(X).predict(new) == -1).sum())
    11
    >>> detector = TrimmedOutlierDetector(LCPOutlierDetector()).fit(X)
    >>> int((detector.predict(new) == -1).sum())
    100
    >>> bool(np.isin(np.arange(970, 1000), detector.trimmed_indices_).all())
    True
    """

    def __init__(
        self,
        detector: Any,
        *,
        trim: float = 0.05,
        n_neighbors: int | None = None,
        contamination: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.detector = detector
        self.trim = trim
        self.n_neighbors = n_neighbors
        self.contamination = contamination
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Leave out the least typical rows, and fit the detector to the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In-distribution rows: at least 2, and enough for the detector.
        y : array-like of shape (n_samples,), default=None
            Class labels, which the detector gets too. If all labels are +1 or -1, the rows of +1
            are the training rows.

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
        X, y = indexable(X, y)
        rows = check_training_rows(self, X)
        labels = self._store_classes(y, len(rows))
        inside, given = self._training_positions(labels, len(rows))
        self.trimmed_indices_ = self._least_typical(rows, labels, inside)
        kept = np.setdiff1d(given, self.trimmed_indices_, assume_unique=True)
        self.detector_ = clone(self.detector).fit(
            select_rows(X, kept), None if labels is None else labels[kept]
        )
        n_inside_kept = len(inside) - len(self.trimmed_indices_)
        self._set_threshold_of_all(X, kept, n_inside_kept)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by the detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        if not hasattr(self, "detector_"):
            check_is_fitted(self)  # asks for all tags: as long as to score a row
        return self.detector_.score_samples(X)

    def _training_positions(
        self, labels: NDArray | None, n_samples: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions of the in-distribution rows, and of the rows that the detector may get."""
        everything = np.arange(n_samples)
        if learns_from_labels(self.detector):
            return known_rows(self.detector, labels, n_samples), everything
        inside = positions_inside(self, labels, n_samples)
        inside = everything if inside is None else inside
        return inside, inside

    def _least_typical(
        self, rows: NDArray, labels: NDArray | None, inside: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        if self.n_neighbors is None:
            self.n_neighbors_ = wide_neighborhood(len(inside))
        else:
            self.n_neighbors_ = feasible_n_neighbors(self, len(inside))
        classes = labels if hasattr(self, "classes_") else None
        odd = least_typical(
            rows[inside],
            self.trim,
            None if classes is None else classes[inside],
            n_neighbors=None if self.n_neighbors is None else self.n_neighbors_,
            n_jobs=self.n_jobs,
        )
        return inside[odd]

    def _set_threshold_of_all(self, X: Any, kept: NDArray[np.intp], n_inside_kept: int) -> None:
        """Set the threshold by rows kept and rows left out, in their shares of all rows."""
        scores, rows = _training_scores(self.detector_, X, kept)
        left_out = self.trimmed_indices_
        if len(left_out):
            low = self.detector_.score_samples(select_rows(X, left_out))
            n_drawn = round(len(left_out) * len(rows) / n_inside_kept)
            # evenly over their ranks: so the sample needs no seed
            drawn = np.argsort(low, kind="stable")[_evenly(len(left_out), n_drawn)]
            scores, rows = np.r_[scores, low[drawn]], np.r_[rows, left_out[drawn]]
        order = np.argsort(rows, kind="stable")
        self.training_indices_, self.training_scores_ = rows[order], scores[order]
        threshold = contamination_threshold(scores, self._contamination())
        self.offset_ = below_ties(threshold, scores)

    def _contamination(self) -> Any:
        own = self.contamination
        if own is not None:
            return own
        inner = getattr(self.detector, "contamination", None)
        return getattr(last_step(self.detector), "contamination", None) if inner is None else inner

    def _check_parameters(self) -> None:
        check_methods(self, "detector", ("fit", "score_samples"))
        if isinstance(self.detector, FrozenEstimator):
            allowed = "an estimator that `fit` can fit without some rows"
            raise parameter_error(self, "detector", allowed, self.detector)
        check_float(self, "trim", self.trim, "[0, 0.5]")
        check_int(self, "n_neighbors", self.n_neighbors, 1, or_none=True)
        if self.contamination is not None:
            check_float(self, "contamination", self.contamination, "(0, 0.5]")
        elif isinstance(self._contamination(), (str, type(None))):
            allowed = "a float in (0, 0.5], since the detector has none"
            raise parameter_error(self, "contamination", allowed, self.contamination)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.detector, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.detector).input_tags
        tags.target_tags.required = learns_from_labels(self.detector)
        return tags


def _evenly(n: int, size: int) -> NDArray[np.intp]:
    """A number of n positions, at equal steps."""
    return ((np.arange(size) + 0.5) * n / max(size, 1)).astype(np.intp)


def _training_scores(
    detector: Any, X: Any, kept: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Scores that set the detector's threshold, and the positions of their rows in X."""
    for fitted in (detector, last_step(detector)):
        if hasattr(fitted, "training_scores_"):
            return fitted.training_scores_, kept[fitted.training_indices_]
    # a detector that is not skood's: it has seen these rows
    return detector.score_samples(select_rows(X, kept)), kept
