"""Scorers for scikit-learn's searches that know which test rows are out-of-distribution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_labels, check_option
from ..metrics import aupr_in, aupr_out, auroc, detection_error, fpr_at_tpr
from .leave_classes_out import LeaveClassesOut

_METRICS: dict[str, Callable[..., float]] = {
    "auroc": auroc,
    "aupr_in": aupr_in,
    "aupr_out": aupr_out,
    "fpr_at_tpr": fpr_at_tpr,  # at its default rate, 0.95: as "fpr95"
    "fpr95": partial(fpr_at_tpr, tpr=0.95),
    "fpr80": partial(fpr_at_tpr, tpr=0.80),
    "detection_error": detection_error,
}
_SMALLER_IS_BETTER = ("fpr_at_tpr", "fpr95", "fpr80", "detection_error")


def ood_scorer(metric: str = "auroc", *, cv: LeaveClassesOut | None = None) -> OODScorer:
    """Make a scorer for a search: it measures how well a detector finds out-of-distribution rows.

    The test labels name the out-of-distribution rows in one of two ways. If labels are +1 and -1,
    these are the rows labelled -1. If labels are classes, these are the rows of every class that
    the fitted detector does not have in its `classes_`.

    Parameters
    ----------
    metric : str, default="auroc"
        The metric of `skood.metrics`: "auroc", "aupr_in", "aupr_out", "fpr_at_tpr" (the same as
        "fpr95"), "fpr95", "fpr80" or "detection_error". The scorer negates a metric for which
        smaller is better, because searches take the largest value.
    cv : LeaveClassesOut, optional
        The splitter of the search, for rows without labels (``classes="kmeans"``): it knows which
        test rows come from left-out clusters.

    Returns
    -------
    OODScorer
        A callable ``scorer(estimator, X, y)`` that gives a float, for `scoring` of `GridSearchCV`,
        `cross_validate` and similar functions, alone or in a dict.

    Raises
    ------
    ValueError
        If `metric` is none of these. By the scorer, if the labels do not name the
        out-of-distribution rows, or if no test row is out-of-distribution.

    See Also
    --------
    LeaveClassesOut, NoveltyKFold : Splits whose test parts have rows of both kinds.
    prefer_default : A `refit` that keeps the default unless another candidate is clearly better.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skood import KNNOutlierDetector
    >>> from skood.model_selection import LeaveClassesOut, ood_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNNOutlierDetector(),
    ...     {"n_neighbors": [1, 5, 20]},
    ...     cv=LeaveClassesOut(3, random_state=0),
    ...     scoring=ood_scorer("auroc"),
    ... ).fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True
    """
    check_option("ood_scorer", "metric", metric, tuple(_METRICS))
    return OODScorer(metric, cv)


class OODScorer:
    """The scorer that `ood_scorer` makes."""

    def __init__(self, metric: str, cv: LeaveClassesOut | None) -> None:
        self.metric = metric
        self.cv = cv

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Metric of a fitted detector on test rows; negated if smaller is better."""
        labels = self._plus_minus_one(estimator, X, y)
        value = _METRICS[self.metric](labels, _scores(estimator, X))
        return -value if self.metric in _SMALLER_IS_BETTER else value

    def _plus_minus_one(self, estimator: Any, X: Any, y: Any) -> NDArray:
        if y is not None:
            return _by_labels(estimator, np.asarray(check_labels(y, _n_rows(X))))
        if self.cv is None:
            raise ValueError(
                "ood_scorer needs y to know which test rows are out-of-distribution. Without "
                "labels, give the same LeaveClassesOut(classes='kmeans') object to the search and "
                "to ood_scorer, as 'cv' of both."
            )
        return self.cv.is_in_distribution(X)

    def __repr__(self) -> str:
        return f"ood_scorer({self.metric!r}{'' if self.cv is None else f', cv={self.cv!r}'})"


def _n_rows(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _by_labels(estimator: Any, y: NDArray) -> NDArray:
    """+1 and -1 from labels +1 and -1 or from classes, without a guess."""
    known = getattr(estimator, "classes_", None)
    if known is not None:
        inside = np.isin(y, known)
        if not inside.all():
            # Also right for labels +1 and -1, if the detector was trained on +1 only.
            return np.where(inside, 1, -1)
    labels = set(np.unique(y).tolist())
    if labels <= {1, -1}:
        return y
    if known is None:
        raise ValueError(
            f"{type(estimator).__name__} has no 'classes_', so ood_scorer does not know its "
            "training classes. Give labels +1 (in-distribution) and -1 (out-of-distribution), or a "
            "detector of skood, which keeps its classes."
        )
    raise ValueError(
        "ood_scorer found no test row of a class that the detector was not trained on: no row is "
        "out-of-distribution. LeaveClassesOut makes splits with out-of-distribution rows."
    )


def _scores(estimator: Any, X: Any) -> NDArray:
    score = getattr(estimator, "score_samples", None) or estimator.decision_function
    return np.asarray(score(X))
