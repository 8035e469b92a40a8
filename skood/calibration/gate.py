"""A classifier behind a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.utils import get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._validation import (
    adopt_columns,
    check_labels,
    check_methods,
    check_option,
    count_rows,
    parameter_error,
    select_rows,
    signs_of,
)
from ._calibration_rows import learns_from_labels
from ._last_mask import LastMask
from ._reject_label import filled_with, find_reject_label

_ON_REJECT = ("label", "nan", "raise")
_NAMED = 10  # positions that an error names


def _classifier_has(method: str) -> Callable[[Any], bool]:
    def check(gate: OODGate) -> bool:
        getattr(getattr(gate, "classifier_", gate.classifier), method)  # its own AttributeError
        return True

    return check


class OODGate(ClassifierMixin, BaseEstimator):
    """A classifier that answers only for in-distribution rows.

    A classifier gives each row one of its classes, even a row that is like none of them. Here a
    detector decides first: only rows with the decision +1 reach the classifier.

    Parameters
    ----------
    classifier : estimator
        A classifier with one label for each row; not changed. Wrap a fitted one in a
        ``FrozenEstimator``.
    detector : estimator
        A detector whose `predict` returns -1 for out-of-distribution rows and +1 for other rows;
        not changed. Its own parameters set the share of in-distribution rows that it rejects:
        `contamination`, or the `alpha` of a `ConformalOutlierDetector`.
    on_reject : {"label", "nan", "raise"}, default="label"
        The answer of `predict` for a rejected row: a label of its own, NaN (number labels become
        floats, other labels objects), or a ValueError for the whole call, with the positions of the
        rejected rows.
    reject_label : int, str or other label, default=None
        This label, for ``on_reject="label"``; it must not be a class. None: -1 if classes are
        numbers (one less than the lowest if -1 is a class), else "OoD".

    Attributes
    ----------
    classifier_ : estimator
        The fitted classifier.
    detector_ : estimator
        The fitted detector.
    classes_ : ndarray of shape (n_classes,)
        The classes of the classifier, without the label of rejected rows.
    reject_label_ : object
        The label of rejected rows, for ``on_reject="label"``.
    rejected_ : ndarray of bool of shape (n_samples,)
        The rows that the last call of `predict`, `predict_proba` or `decision_function` in this
        thread rejected, also if it raised an error. An estimator before its first call has none,
        and a copy neither.
    n_features_in_ : int
        Number of features, if the classifier has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the classifier has them.

    Notes
    -----
    `score` is the accuracy: a rejected row counts as wrong. Scorers that need probabilities fail on
    rejected rows, and so does accuracy if the answer is NaN or an error. Leave these rows out by
    `rejected_`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skood import KNNOutlierDetector, OODGate
    >>> from skood.datasets import load_digits_ood
    >>> digits = load_digits_ood(n_far=0)
    >>> gate = OODGate(LogisticRegression(), KNNOutlierDetector())
    >>> gate = gate.fit(digits.X_train / 16, digits.y_train)
    >>> gate.predict(digits.X_test[:5] / 16)
    array([2, 4, 5, 2, 6])
    >>> gate.predict(digits.X_near[:5] / 16)  # eights and nines: no training row is one
    array([-1, -1, -1, -1, -1])
    >>> gate.rejected_
    array([ True,  True,  True,  True,  True])
    """

    def __init__(
        self,
        classifier: Any,
        detector: Any,
        *,
        on_reject: str = "label",
        reject_label: Any = None,
    ) -> None:
        self.classifier = classifier
        self.detector = detector
        self.on_reject = on_reject
        self.reject_label = reject_label

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the classifier and the detector to the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever both take
            In-distribution rows.
        y : array-like of shape (n_samples,)
            Their classes. The detector gets them too; classes +1 and -1 become 1 and 0 for it.

        Returns
        -------
        self : object
            The fitted gate.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, or `reject_label` is one of the classes.
        """
        check_methods(self, "classifier", ("fit", "predict"))
        if not is_classifier(self.classifier):
            raise parameter_error(
                self, "classifier", "a classifier: OODGate gives classes", self.classifier
            )
        check_methods(self, "detector", ("fit", "predict"))
        check_option(self, "on_reject", self.on_reject, _ON_REJECT)
        self.classifier_ = clone(self.classifier).fit(X, y)
        self.detector_ = clone(self.detector).fit(X, self._labels_for_detector(X, y))
        self.classes_ = self.classifier_.classes_
        adopt_columns(self, self.classifier_)
        if self.on_reject == "label":
            self.reject_label_ = find_reject_label(self, self.classes_, self.reject_label)
        elif hasattr(self, "reject_label_"):
            del self.reject_label_
        self._last = LastMask()
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class of each in-distribution row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever both take
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes; for rejected rows `reject_label_` or NaN.

        Raises
        ------
        ValueError
            If X is not valid, or if a row is rejected and ``on_reject="raise"``.
        """
        X, accepted = self._open(X)
        rejection = self.reject_label_ if self.on_reject == "label" else np.nan
        if self.on_reject == "raise":
            return self.classifier_.predict(X)
        answers = filled_with(rejection, len(accepted), self.classes_)
        if accepted.any():
            answers[accepted] = self.classifier_.predict(_rows(X, accepted))
        return answers

    @available_if(_classifier_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict the probability of each class, if the classifier can.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever both take
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`; NaN for rejected rows, whether `predict` gives
            them a label or NaN.

        Raises
        ------
        ValueError
            If X is not valid, or if a row is rejected and ``on_reject="raise"``.
        """
        return self._values("predict_proba", X)

    @available_if(_classifier_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Confidence in each class, if the classifier has it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever both take
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            As the classifier gives it; NaN for rejected rows.

        Raises
        ------
        ValueError
            If X is not valid, or if a row is rejected and ``on_reject="raise"``.
        """
        return self._values("decision_function", X)

    @property
    def rejected_(self) -> NDArray[np.bool_]:
        """The rows that the last call rejected."""
        mask = self._last.mask if hasattr(self, "_last") else None
        if mask is None:
            raise AttributeError("OODGate has 'rejected_' only after a call of predict.")
        return mask

    def _open(self, X: Any) -> tuple[Any, NDArray[np.bool_]]:
        """X in a form that can be indexed, and the rows that the detector accepts."""
        if not hasattr(self, "classifier_"):
            check_is_fitted(self)  # asks for all tags: as long as to predict a row
        (X,) = indexable(X)
        rejected = np.asarray(self.detector_.predict(X)) == -1
        self._last.mask = rejected
        if self.on_reject == "raise" and rejected.any():
            positions = np.flatnonzero(rejected)
            named = ", ".join(map(str, positions[:_NAMED].tolist()))
            more = ", ..." if len(positions) > _NAMED else ""
            raise ValueError(
                f"OODGate has no answer for {len(positions)} of {len(rejected)} rows, which are "
                f"out-of-distribution: those at positions {named}{more}."
            )
        return X, ~rejected

    def _values(self, method: str, X: Any) -> NDArray[Any]:
        """The values of a classifier's method for accepted rows, and NaN for rejected ones."""
        X, accepted = self._open(X)
        ask = getattr(self.classifier_, method)
        if not accepted.any():
            # Only the shape of its answer counts: the values for rejected rows stay unknown.
            return np.full_like(np.asarray(ask(X)), np.nan)
        values = np.asarray(ask(_rows(X, accepted)))
        answers = np.full((len(accepted), *values.shape[1:]), np.nan, dtype=values.dtype)
        answers[accepted] = values
        return answers

    def _labels_for_detector(self, X: Any, y: Any) -> Any:
        """Labels for the detector, to which -1 beside +1 would mean out-of-distribution."""
        signs = signs_of(check_labels(y, count_rows(X)))
        return y if signs is None or learns_from_labels(self.detector) else (signs > 0).astype(int)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.classifier, "__sklearn_tags__"):
            tags.classifier_tags = get_tags(self.classifier).classifier_tags
        if hasattr(self.detector, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.detector).input_tags
        return tags


def _rows(X: Any, wanted: NDArray[np.bool_]) -> Any:
    return X if wanted.all() else select_rows(X, np.flatnonzero(wanted))
