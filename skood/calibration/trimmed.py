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
    """Any detector, for training rows among which some are what it shall find.

    A detector by few neighbours takes an odd training row for known: new rows like it have a high
    score. Here the least typical training rows are left out before the detector is fitted: those
    whose `n_neighbors`-th nearest row is the furthest, on columns in units of their middle half.
    Odd rows close to each other are far from it too if they are fewer.

    The rows left out still count in the threshold: of all training rows, the share `contamination`
    lies below it. So a clean training set costs no false alarms, although its outermost rows are
    left out too.

    Parameters
    ----------
    detector : estimator
        A detector with `fit` and `score_samples`, higher for in-distribution rows, or a Pipeline
        that ends in one; not changed.
    trim : float, default=0.05
        Share of the training rows that is left out, in [0, 0.5]; at most, since of equally typical
        rows all or none are. With class labels it is the share of each class.
    n_neighbors : int or None, default=None
        The neighbour whose distance says how typical a row is; more than there are odd rows of one
        kind. With so many training rows or fewer, the furthest row is taken, with a warning. None:
        a tenth of the rows, at least 20; of more than 2,000 rows the 200th among 2,000 drawn ones.
    contamination : float or None, default=None
        Share of the training rows, those left out included, that lies below the threshold, in
        (0, 0.5]. None: the `contamination` of the detector.
    n_jobs : int or None, default=None
        Number of threads of the search for these neighbours. None means as many as the BLAS uses,
        -1 all processors that the process may use.

    Attributes
    ----------
    detector_ : estimator
        The detector, fitted to the rows that are kept. It has a threshold of its own, by these.
    trimmed_indices_ : ndarray of shape (n_trimmed,)
        Positions of the rows left out, ascending.
    n_neighbors_ : int
        The neighbour used.
    offset_ : float
        The threshold: rows with a score below are out-of-distribution.
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
    Odd rows between the others are not found, nor a group of more than `n_neighbors_` that are
    alike. Leaving out rows is no substitute for clean ones.

    `fit` searches for the neighbours of all training rows, and reads rows on disk into memory.
    There is no `partial_fit`: which rows are typical is known only when all are there. If y holds
    +1 and -1 alone, only rows of +1 are training rows, unless the detector needs the others: then
    it gets all of these.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import LCPOutlierDetector, TrimmedOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(970, 2)), rng.normal([6.0, 6.0], 0.3, size=(30, 2))])
    >>> new = rng.normal([6.0, 6.0], 0.3, size=(100, 2))  # as 3 % of the training rows
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
            In-distribution rows, at least 2 and as many more as the detector needs.
        y : array-like of shape (n_samples,), default=None
            Class labels, which the detector is given too. Of +1 and -1 alone, +1 are the training
            rows.

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
        """Positions of the in-distribution rows, and of the rows that the detector may be given."""
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
        """Set the threshold by rows kept and, in their share of all rows, rows left out."""
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
    """So many of n positions, at equal steps."""
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
