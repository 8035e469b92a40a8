"""A choice that keeps the default unless another candidate is clearly better."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_float, parameter_error


def prefer_default(
    default_params: Mapping[str, Any], standard_errors: float = 1.0, metric: str | None = None
) -> DefaultPreference:
    """Make a `refit` for a search that keeps the default unless the best candidate clearly wins.

    The candidate with the largest mean score is chosen only if its lead over the default is more
    than `standard_errors` standard errors of the lead. This is the one-standard-error rule [1]_
    [2]_, with two differences. The default takes the place of the simplest candidate. The error is
    that of the differences between the two on the same splits, so a split that is hard for both
    does not count.

    Left-out classes serve as out-of-distribution rows, but they are near rows: a candidate with a
    small lead there may lose on rows that are far away.

    Parameters
    ----------
    default_params : mapping of str to object
        The parameters of the default, which must be one of the candidates: the same names as in
        ``cv_results_["params"]``, with equal values. Two estimators are equal if their types and
        parameters are equal.
    standard_errors : float, default=1.0
        The lead that the best candidate needs, in standard errors, in [0, inf). At 0 any lead is
        enough; 2 is the more careful choice for presets known to be good.
    metric : str, optional
        The name of the score to compare, if the search has several scores.

    Returns
    -------
    DefaultPreference
        A callable ``refit(cv_results)`` that gives the position of the chosen candidate, for
        `refit` of `GridSearchCV` and `RandomizedSearchCV`. As with any callable there, the search
        then has no `best_score_`.

    Raises
    ------
    ValueError
        If a parameter is not valid. By the callable, if the default is not among the candidates,
        if the search has no scores with the name `metric`, or if it has a single split and
        `standard_errors` is not 0.

    See Also
    --------
    LeaveClassesOut : Splits whose searches should keep the default.

    References
    ----------
    .. [1] Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees,
       section 3.4.3.
    .. [2] Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning,
       section 7.10.1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skood import KNNOutlierDetector
    >>> from skood.model_selection import LeaveClassesOut, ood_scorer, prefer_default
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNNOutlierDetector(),
    ...     {"n_neighbors": [1, 20]},
    ...     cv=LeaveClassesOut(5, random_state=0),
    ...     scoring=ood_scorer("auroc"),
    ...     refit=prefer_default({"n_neighbors": 20}),
    ... ).fit(X, y)
    >>> search.cv_results_["mean_test_score"].round(3)  # 1 leads on one split of five
    array([0.983, 0.968])
    >>> search.best_params_
    {'n_neighbors': 20}
    """
    if not isinstance(default_params, Mapping):
        allowed = "a dict of names and values of parameters"
        raise parameter_error("prefer_default", "default_params", allowed, default_params)
    check_float("prefer_default", "standard_errors", standard_errors, "[0, inf)")
    if metric is not None and not isinstance(metric, str):
        raise parameter_error("prefer_default", "metric", "a str or None", metric)
    return DefaultPreference(dict(default_params), standard_errors, metric)


class DefaultPreference:
    """The callable that `prefer_default` makes."""

    def __init__(
        self, default_params: dict[str, Any], standard_errors: float, metric: str | None
    ) -> None:
        self.default_params = default_params
        self.standard_errors = standard_errors
        self.metric = metric

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Position of the chosen candidate in the `cv_results_` of a search."""
        default = self._find_default(cv_results["params"])
        scores = self._split_scores(cv_results)
        if self.standard_errors > 0 and len(scores) < 2:
            raise ValueError(
                "prefer_default needs at least 2 splits to estimate the standard error of a "
                "difference. Got 1 instead: use more splits, or standard_errors=0."
            )
        # A candidate without a score in some split cannot be chosen.
        means = np.where(np.isfinite(scores).all(axis=0), scores.mean(axis=0), -np.inf)
        best = int(np.argmax(means))
        if -np.inf in (means[best], means[default]):
            return default if means[best] == -np.inf else best
        leads = scores[:, best] - scores[:, default]
        return best if leads.mean() > self.standard_errors * _standard_error(leads) else default

    def _find_default(self, candidates: list[dict[str, Any]]) -> int:
        for position, params in enumerate(candidates):
            if _are_equal(params, self.default_params):
                return position
        allowed = f"the parameters of one of the {len(candidates)} candidates of the search"
        raise parameter_error("prefer_default", "default_params", allowed, self.default_params)

    def _split_scores(self, cv_results: Mapping[str, Any]) -> NDArray[np.float64]:
        """Scores of shape (n_splits, n_candidates)."""
        name = "score" if self.metric is None else self.metric
        splits = takewhile(cv_results.__contains__, (f"split{i}_test_{name}" for i in count()))
        scores = [cv_results[split] for split in splits]
        if scores:
            return np.array(scores, dtype=np.float64)
        prefix = "mean_test_"
        names = [key.removeprefix(prefix) for key in cv_results if key.startswith(prefix)]
        allowed = "None" if names == ["score"] else "one of " + ", ".join(map(repr, names))
        raise parameter_error("prefer_default", "metric", f"{allowed} for this search", self.metric)

    def __repr__(self) -> str:
        metric = "" if self.metric is None else f", metric={self.metric!r}"
        return f"prefer_default({self.default_params!r}, {self.standard_errors!r}{metric})"


def _standard_error(values: NDArray[np.float64]) -> float:
    """The standard error of the mean; 0 for a single value, which needs ``standard_errors=0``."""
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _are_equal(left: Any, right: Any) -> bool:
    """Whether two values of a parameter are equal; False if they cannot be compared."""
    if left is right:
        return True
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_are_equal(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_are_equal, left, right))
    if hasattr(left, "get_params") and not isinstance(left, type):
        return type(left) is type(right) and _are_equal(
            left.get_params(deep=False), right.get_params(deep=False)
        )
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return np.array_equal(left, right)
    try:
        return bool(left == right)
    except (TypeError, ValueError):  # data frames, for example, compare element by element
        return False
