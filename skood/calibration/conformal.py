"""Decisions at a known error rate, by the scores of calibration rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags, indexable
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    adopt_columns,
    count_rows,
    random_generator,
    select_rows,
    without_ood_rows,
)
from ._batch_test import ConformalTestResult
from ._calibration import Calibration
from ._calibration_columns import calibration_columns
from ._calibration_rows import draw_rows, learns_from_labels
from ._chosen_test import conformal_test
from ._conformal_method import check_parameters, chosen_method, fit_folds, fit_full
from ._rank_counts import RankedCalibration, checked_scores
from .p_values import benjamini_hochberg, e_benjamini_hochberg


class ConformalOutlierDetector(OODDetectorMixin, BaseEstimator):
    r"""Any detector, with p-values and with decisions at a known error rate.

    Some of the training rows are held out as calibration rows: the detector only scores them. For a
    new row of the same distribution, every rank of its score s among the scores c of the n
    calibration rows has the same probability. So

    .. math:: p(x) = \frac{1 + \#\{c < s\} + \lfloor U (t + 1) \rfloor}{n + 1},
        \qquad t = \#\{c = s\}

    with U uniform in [0, 1) has the values 1/(n + 1), ..., 1 with the same probability. It is a
    p-value for any detector and any distribution, on one condition: calibration rows and new
    in-distribution rows are exchangeable. Rows that depend on each other (frames of one video) and
    outliers among the calibration rows break the condition. The guarantee is a mean over
    calibration sets: for one set, the flagged share of in-distribution rows differs from alpha by
    about :math:`\sqrt{\alpha (1 - \alpha) / n}`.

    Parameters
    ----------
    detector : estimator
        A detector with `fit` and `score_samples`, higher for in-distribution rows, or a Pipeline
        that ends in one; not changed. Wrap a fitted one in a ``FrozenEstimator``: then all rows of
        `fit` are calibration rows, and none of them may be a training row of the detector.
    method : {"auto", "full", "cv+", "split"}, default="split"
        "split": the calibration rows are held out from the detector. "full": each new row joins the
        training rows, and each row is scored with itself left out; for kNN, LCP without locality,
        LOF, kernel densities and Mahalanobis distances without steps before them; reads a memory
        map into memory. "cv+": one detector for each fold scores the rows of the fold, which it has
        not seen, and all detectors score a new row. "auto": "full" for rows in memory if the
        detector has it, else "cv+"; "split" for a frozen detector.
    n_folds : int, default=5
        Number of folds of "cv+".
    alpha : float, default=0.05
        The error rate, in (0, 1): see `control`.
    control : {"marginal", "fdr", "fdr-e"}, default="marginal"
        "marginal": `predict` flags an in-distribution row with a probability of at most alpha.
        "fdr": expect up to a share alpha of false alarms among the rows that one call of `predict`
        flags, by the procedure of Benjamini and Hochberg. "fdr-e": the same with e-values. **Only
        with "fdr" and "fdr-e" a row's prediction depends on the rows beside it**; its score,
        p-value and decision function never do.
    class_conditional : bool, default=False
        Whether each class has its own calibration rows. The p-value is the largest over the
        classes, and the error rate holds within every class, for any mixture of classes. Needs
        class labels in the y of `fit`.
    calibration_size : float, default=0.25
        For "split": share of the training rows to hold out as calibration rows, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        Draws the calibration rows, and a seed that breaks ties. The detector has its own.

    Attributes
    ----------
    method_ : str
        The method used: "full", "cv+" or "split".
    detector_ : estimator
        The detector; fitted to all rows, or with "split" to all except the calibration rows.
    offset_ : float
        The threshold: the p-value, with ties counted against flagging, is at most alpha only for
        lower scores. -inf if the calibration rows are too few to flag a row.
    training_scores_ : ndarray of shape (n_calibration,)
        Scores of the calibration rows, each by a fit without it.
    training_indices_ : ndarray of shape (n_calibration,)
        Positions of these rows in X.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features, if the detector has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the detector has them.

    Warns
    -----
    UserWarning
        By `fit`, if the calibration rows (of any class) are too few to flag a row at `alpha`.

    Notes
    -----
    Without `class_conditional`, `fit` ignores y when it draws the calibration rows: rows drawn in
    the same share from each class would not be exchangeable with new rows.

    The error rate is proven for "full" and "split"; for "cv+" about 2 alpha is proven. "fdr" is
    proven for "split", "fdr-e" for "split" and "full", no other combination. So "split" is the
    default. "full" takes about 1.3 times as long as plain scoring for kNN and KD, 2 times for LCP,
    3 times for LOF; for MD it scores all training rows again. Scores within 1e-9 of their size are
    ties. With "full" and "cv+" no single score is the threshold: `score_samples` moves scores that
    disagree with the decision to the threshold.

    With ``control="fdr"``, a single strange row among m rows is flagged if its p-value is at most
    alpha / m, so n should be well above m / alpha. The guarantee also holds with
    `class_conditional`: the p-values by each class are positively dependent, and the largest is
    never below that of the row's own class.

    Detectors that learn from labels +1 and -1 (``combine="logistic"``) get all rows labelled -1;
    none of these is a calibration row.

    References
    ----------
    Bates, Candès, Lei, Romano & Sesia (2023), Testing for outliers with conformal p-values, Annals
    of Statistics 51: marginal p-values, section 2, are valid and positively dependent, so that the
    procedure of Benjamini & Hochberg (1995) controls the false discovery rate. Vovk, Gammerman &
    Shafer (2005), Algorithmic learning in a random world: "full", ties, and calibration by class.
    Barber, Candès, Ramdas & Tibshirani (2021), Predictive inference with the jackknife+: "cv+".
    Wang & Ramdas (2022), False discovery rate control with e-values: "fdr-e".

    Examples
    --------
    >>> import numpy as np
    >>> from skood import ConformalOutlierDetector, KNNOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> detector = ConformalOutlierDetector(KNNOutlierDetector(), alpha=0.05, random_state=0).fit(X)
    >>> detector.predict([[0.0, 0.0], [6.0, 0.0]])
    array([ 1, -1])
    >>> detector.p_values([[0.0, 0.0], [6.0, 0.0]]).round(3)
    array([0.554, 0.01 ])
    >>> batch = np.random.default_rng(1).normal(size=(50, 2))
    >>> round(detector.conformal_test(batch).p_value, 2)
    0.84
    >>> round(detector.conformal_test(batch + 0.8).p_value, 3)
    0.004
    """

    def __init__(
        self,
        detector: Any,
        *,
        method: str = "split",
        n_folds: int = 5,
        alpha: float = 0.05,
        control: str = "marginal",
        class_conditional: bool = False,
        calibration_size: float = 0.25,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.detector = detector
        self.method = method
        self.n_folds = n_folds
        self.alpha = alpha
        self.control = control
        self.class_conditional = class_conditional
        self.calibration_size = calibration_size
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Fit the detector to some of the rows, and score the calibration rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            In-distribution rows: at least 2, and enough for the detector.
        y : array-like of shape (n_samples,), optional
            Class labels, which the detector gets too.
        groups : array-like of shape (n_samples,), optional
            Rows with the same entry stay in one fold of "cv+". No other method takes groups.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if the detector gives NaN, or if
            ``class_conditional=True`` and y does not hold class labels, each at least twice.
        """
        check_parameters(self)
        X, y = indexable(X)[0], indexable(y)[0]
        if not learns_from_labels(self.detector):
            X, y = without_ood_rows(self, X, y)
        labels = self._store_classes(y, count_rows(X))
        if self.class_conditional and not hasattr(self, "classes_"):
            message = "class_conditional=True of ConformalOutlierDetector needs class labels in y."
            raise ValueError(message)
        generator = random_generator(self)
        self.method_ = chosen_method(self, X, groups)
        self._forget("_ranked", "_columns")
        if self.method_ != "split":
            return self._fit_ranks(X, labels, groups, generator)
        others, rows = draw_rows(self, count_rows(X), labels, generator)
        self.detector_ = clone(self.detector).fit(
            select_rows(X, others), None if labels is None else labels[others]
        )
        adopt_columns(self, self.detector_)
        self._columns = calibration_columns(self, X, others, rows)
        self.training_indices_ = rows
        self.training_scores_ = scores = self.score_samples(select_rows(X, rows))
        classes = labels[rows] if labels is not None and self.class_conditional else None
        self._calibration = Calibration.of(scores, classes, generator, self.detector_)
        self.offset_ = self._calibration.threshold(self.alpha)
        return self

    def _fit_ranks(
        self, X: Any, labels: NDArray[Any] | None, groups: Any, generator: np.random.RandomState
    ) -> Self:
        by_class = labels if self.class_conditional else None
        codes = None if by_class is None else np.searchsorted(self.classes_, by_class)
        if self.method_ == "full":
            fitted = fit_full(self, X, labels)
        else:
            fitted = fit_folds(self, X, labels, codes, groups, generator)
        self.detector_, ranks, self.training_scores_, self.training_indices_ = fitted
        adopt_columns(self, self.detector_)
        classes = None if by_class is None else by_class[self.training_indices_]
        self._calibration = Calibration.of(self.training_scores_, classes, generator)
        self.offset_ = self._calibration.threshold(self.alpha)
        self._ranked = RankedCalibration(ranks, codes, self._calibration.seed)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by the detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, or the detector gives NaN.
        """
        if not hasattr(self, "detector_"):
            check_is_fitted(self)  # asks for all tags: as long as to score a row
        scores = checked_scores(self.detector_, X)
        ranked = getattr(self, "_ranked", None)
        return scores if ranked is None else ranked.moved(scores, X, self.alpha, self.offset_)

    def decision_function(
        self, X: Any, *, scores: NDArray[Any] | None = None
    ) -> NDArray[np.float64]:
        """The score minus the threshold for single rows at the error rate alpha.

        With ``control="fdr"``, `predict` is stricter: it flags only some of the negative rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            The rows to decide on.
        scores : ndarray of shape (n_samples,) or None, default=None
            As for `p_values`.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``, 0 for ties; negative = out-of-distribution.
        """
        scores = self.score_samples(X) if scores is None else scores
        return self._calibration.above(scores, self.offset_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Decide whether each row comes from the training distribution.

        Ties with calibration scores count against flagging. So the error rate is at most alpha, and
        one score is the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            The rows to decide on. ``control="fdr"`` tests them together: the prediction of a row
            may depend on the other rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution.
        """
        if self.control == "fdr":
            flagged = benjamini_hochberg(self.p_values(X, random_ties=False), self.alpha)
        elif self.control == "fdr-e":
            n_calibration = min(map(len, self._calibration.groups.values()))
            p_values = self.p_values(X, random_ties=False)
            flagged = e_benjamini_hochberg(p_values, self.alpha, n_calibration)
        elif hasattr(self, "_ranked"):
            flagged = self._ranked.flagged(X, self.alpha)
        else:
            flagged = self.decision_function(X) < 0
        return np.where(flagged, -1, 1)

    def p_values(
        self, X: Any, *, random_ties: bool = True, scores: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """The probability that an in-distribution row scores at most as high.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            The rows to test.
        random_ties : bool, default=True
            Whether a row gets a random rank among equal calibration scores. A hash of the row's
            values draws the rank, so a row has the same p-value in every call. False: the highest
            rank, as in `predict`; then p-values are never too small, but too large for ties.
        scores : ndarray of shape (n_samples,) or None, default=None
            The result of `score_samples` for X. None: X is scored.

        Returns
        -------
        ndarray of shape (n_samples,)
            From 1 / (n_calibration + 1) to 1, increasing with the score. With `class_conditional`
            the largest over the classes.
        """
        if hasattr(self, "_ranked"):
            return self._ranked.p_values(X, random_ties=random_ties)
        scores = self.score_samples(X) if scores is None else np.asarray(scores, dtype=np.float64)
        return self._calibration.p_values(scores, X if random_ties else None)

    def conformal_test(
        self, X: Any, *, method: str = "auto", alternative: str = "less"
    ) -> ConformalTestResult:
        """Test whether all rows of a batch come from the training distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            The rows of the batch, independent of each other.
        method : {"auto", "rank_sum", "simes", "columns"}, default="auto"
            "rank_sum": whether the scores of the batch are lower than those of the calibration
            rows, by the test of Wilcoxon, Mann and Whitney. It detects a shift of many rows, also
            of the mixture of classes. "simes": whether the smallest p-values are too small for the
            number of rows. It detects a few very strange rows, and with `class_conditional` allows
            any mixture of the classes. "columns": whether the values of a column differ. "auto":
            all tests if two-sided; else "simes" with `class_conditional` and "rank_sum" without.
        alternative : {"less", "two-sided"}, default="less"
            "less": only low scores are evidence. "two-sided": so are high scores, scores too close
            together or too widely spread, repeated rows, and columns. Needs "split".

        Returns
        -------
        ConformalTestResult
            The pair (`statistic`, `p_value`), with the p-values of `tests` and `columns`. A small
            p-value is evidence against the batch.

        Raises
        ------
        ValueError
            If a parameter is not valid, or for "rank_sum" and "two-sided" with `class_conditional`:
            calibration rows drawn class by class are no sample of the mixture.

        Notes
        -----
        "simes" (Simes 1986) is valid because the p-values are positively dependent. "rank_sum" is
        exact, with ties counted for the batch, if n m² is at most 5e6 with m rows in the smaller
        sample and n in the other. Beyond that it is the normal approximation, corrected for ties.
        The other tests are exact. The two-sided ones are combined by the inequality of Bonferroni.
        "columns" needs a table in memory in `fit`; counters and dates are left out.
        """
        return conformal_test(self, X, method, alternative)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.detector, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.detector).input_tags
        tags.target_tags.required = self.class_conditional or learns_from_labels(self.detector)
        return tags
