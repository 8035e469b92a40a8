"""Out-of-fold scores: each row is scored by a fit that has not seen it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import indexable

from .._validation import (
    count_rows,
    last_step,
    pipeline_steps,
    select_fit_params,
    select_rows,
)
from ..rows import selected_rows
from .folds import folds_of as folds_of  # most callers need both

_FEWEST_FOLDS = 4  # for fits without two of them, which must have half of the rows


class CrossFitted(NamedTuple):
    """Out-of-fold scores, the positions of their rows, and the fits of the folds."""

    scores: NDArray[np.float64]
    """(m,): the score of each row by the fit that left its fold out."""
    rows: NDArray[np.intp]
    """(m,): positions of these rows, ascending."""
    estimators: list[Any]
    """The fitted clone of each fold, in the order of the folds; empty if they are not kept."""
    reference: NDArray[np.float64] | None
    """The out-of-fold values with which the last step compares scores, for each row of the final
    fit; None if it has no reference."""
    drift: float
    """Estimated gain of a score if the fit takes all rows; 0 if it was not measured."""


class FoldRows(Protocol):
    """Rows for fits of an estimator to some of them."""

    def fitted(self, estimator: Any, positions: NDArray[np.intp]) -> Any:
        """The estimator, fitted to these rows."""

    def measured(
        self, measure: Callable[[Any], NDArray[np.float64]], positions: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """One number for each of these rows."""

    def behind(self, transformers: Sequence[Any]) -> FoldRows:
        """All rows after fitted transformers."""

    @property
    def final_inputs(self) -> FoldRows:
        """The inputs of an estimator of the final fit."""


class RowsInReach:
    """Rows of this process, in memory or on disk.

    Parameters
    ----------
    X : array-like
        The rows.
    y : array-like of shape (n_samples,) or None
        Their labels.
    fit_params : mapping
        Further arguments of `fit`; arguments with one entry for each row are divided like the rows.
    """

    def __init__(self, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        self._X, self._y = indexable(X)[0], indexable(y)[0]  # of a dict, the length says nothing
        self._fit_params = fit_params

    def fitted(self, estimator: Any, positions: NDArray[np.intp]) -> Any:
        """The estimator, fitted to some of the rows."""
        X, y, params = self.arguments(positions)
        return estimator.fit(X, y, **params)

    def arguments(self, positions: NDArray[np.intp]) -> tuple[Any, Any, dict[str, Any]]:
        """Rows, labels and further arguments of `fit` for some of the rows."""
        y = None if self._y is None else select_rows(self._y, positions)
        params = select_fit_params(self._X, self._fit_params, positions)
        return self._some(positions), y, params

    def measured(
        self, measure: Callable[[Any], NDArray[np.float64]], positions: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """One number for each of some of the rows."""
        return measure(self._some(positions)) if len(positions) else np.empty(0)

    def behind(self, transformers: Sequence[Any]) -> RowsInReach:
        """All rows after fitted transformers."""
        X = self._X
        for transformer in transformers:
            X = transformer.transform(X)
        return RowsInReach(X, self._y, self._fit_params)

    @property
    def final_inputs(self) -> RowsInReach:
        """All rows."""
        return self

    def _some(self, positions: NDArray[np.intp]) -> Any:
        if len(positions) == count_rows(self._X):
            return self._X  # a detector keeps it, and needs no copy
        stored = selected_rows(self._X, positions)
        return select_rows(self._X, positions) if stored is None else stored


def cross_fitted(
    estimator: Any,
    X: Any,
    y: Any,
    folds: Sequence[NDArray[np.intp]],
    *,
    score_rows: NDArray[np.intp] | None = None,
    fit_params: Mapping[str, Any] | None = None,
    keep: bool = True,
    measure_drift: bool = False,
) -> CrossFitted:
    """For each fold, fit a clone of an estimator to the other rows, and score the fold.

    Parameters
    ----------
    estimator : estimator
        A detector or a Pipeline with `score_samples`; it is not changed.
    X : array-like
        The rows.
    y : array-like of shape (n_samples,) or None
        Their labels.
    folds : sequence of ndarray of int
        Positions of the rows that each fit leaves out, as `folds_of` draws them. Each row is in one
        fold.
    score_rows : ndarray of int, default=None
        Positions of the rows to score. None: all rows.
    fit_params : mapping, default=None
        Further arguments of `fit`.
    keep : bool, default=True
        Whether the result holds the fitted clones.
    measure_drift : bool, default=False
        Whether to measure, by one more fit without two of the folds, how scores change with the
        number of rows.

    Returns
    -------
    CrossFitted
        Scores, positions of their rows, and the fitted clones.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import MahalanobisOutlierDetector
    >>> from skood.calibration.cross_fit import cross_fitted, folds_of
    >>> X = np.random.default_rng(0).normal(size=(60, 20))
    >>> detector = MahalanobisOutlierDetector().fit(X)
    >>> scores = cross_fitted(detector, X, None, folds_of(60, random_state=0)).scores
    >>> bool(scores.mean() < detector.training_scores_.mean())
    True
    """
    rows = RowsInReach(X, y, fit_params or {})
    return cross_fit(
        estimator, rows, folds, score_rows=score_rows, keep=keep, measure_drift=measure_drift
    )


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(
            "A fit without a fold of the training rows fails (for a category that only the fold "
            f"has, an encoder needs handle_unknown='ignore'): {error}"
        ) from error


@_named_errors()
def cross_fit(
    estimator: Any,
    rows: FoldRows,
    folds: Sequence[NDArray[np.intp]],
    *,
    score_rows: NDArray[np.intp] | None = None,
    fit_rows: NDArray[np.intp] | None = None,
    keep: bool = False,
    measure_drift: bool = False,
) -> CrossFitted:
    """Cross-fit, as `cross_fitted` does, over rows that may be in other processes.

    Fits take only `fit_rows`, by default all rows; the other rows are only scored.

    A last step with `reference_of` and `replace_reference` compares a row with a measure of the
    training rows. A first pass computes this measure of each row by the fit that has not seen it.
    The second pass scores by fits with these values.
    """
    everything = np.arange(sum(map(len, folds)))
    score_rows = everything if score_rows is None else score_rows
    fit_rows = everything if fit_rows is None else fit_rows
    fits: Any = (_fitted(estimator, rows, _others(fit_rows, fold)) for fold in folds)
    reference, references = None, list[NDArray[np.float64]]()
    if hasattr(learning_step(estimator), "reference_of"):
        fits = list(fits)
        reference, references = _out_of_fold_references(fits, rows, folds, fit_rows)
        if measure_drift:  # scores of the final fit are compared with those of the folds
            references = [_at_level(own, reference) for own in references]
    scores, kept = np.empty(len(everything)), []
    for number, (fitted, fold) in enumerate(zip(fits, folds, strict=True)):
        if references:
            learning_step(fitted).replace_reference(references[number][_others(fit_rows, fold)])
        chosen = np.intersect1d(fold, score_rows, assume_unique=True)
        scores[chosen] = rows.measured(fitted.score_samples, chosen)
        if keep:
            kept.append(fitted)
    drift = 0.0
    if measure_drift and len(folds) >= _FEWEST_FOLDS:
        is_scored = np.isin(everything, score_rows)
        drift = _drift(estimator, rows, folds, fit_rows, is_scored, scores, references)
    reference = None if reference is None else reference[fit_rows]
    return CrossFitted(scores[score_rows], score_rows, kept, reference, drift)


def _others(fit_rows: NDArray[np.intp], *folds: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.setdiff1d(fit_rows, np.concatenate(folds), assume_unique=True)


def _drift(
    estimator: Any,
    rows: FoldRows,
    folds: Sequence[NDArray[np.intp]],
    fit_rows: NDArray[np.intp],
    is_scored: NDArray[np.bool_],
    scores: NDArray[np.float64],
    references: list[NDArray[np.float64]],
) -> float:
    """Gain of scores from the folds' fits to a fit on all rows, by a fit without two folds.

    It is small compared with the spread of most scores. But after a whitening to many columns the
    distances of all rows are nearly equal, and they change more with the number of training rows
    than from row to row: then the gain matters. It is assumed to be linear in the logarithm of the
    number of rows, as distances to neighbours in many columns are.
    """
    pair = np.sort(np.concatenate(folds[:2]))
    others = _others(fit_rows, pair)
    smaller = _fitted(estimator, rows, others)
    gains = []
    for number, fold in enumerate(folds[:2]):
        if references:
            learning_step(smaller).replace_reference(references[number][others])
        chosen = fold[is_scored[fold]]
        gains.append(scores[chosen] - rows.measured(smaller.score_samples, chosen))
    gain = np.concatenate(gains)
    n = len(folds)
    per_fold = np.log(n / (n - 1)) / np.log((n - 1) / (n - 2))
    return float(np.median(gain) * per_fold) if len(gain) else 0.0


def _out_of_fold_references(
    fits: list[Any],
    rows: FoldRows,
    folds: Sequence[NDArray[np.intp]],
    fit_rows: NDArray[np.intp],
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The reference of each row by the fit without it, and the references for each fold's fit.

    A new row is no neighbour of its own neighbours. So an out-of-fold row must not be one either:
    for the fit of its fold, the reference of its neighbours comes from last steps without both
    folds, if there are 4 folds.
    """
    reference = np.empty(sum(map(len, folds)))
    references = [np.full(len(reference), np.nan) for _ in folds]
    for fitted, fold in zip(fits, folds, strict=True):
        transformers, last = pipeline_steps(fitted)
        behind, alone = rows.behind(transformers), _without_transformers(fitted)
        reference[fold] = behind.measured(last.reference_of, fold)
        for own, other in zip(references, folds, strict=True):
            if len(folds) < _FEWEST_FOLDS:
                own[fold] = reference[fold]
            elif other is not fold:
                smaller = _fitted(alone, behind, _others(fit_rows, fold, other))
                own[fold] = behind.measured(last_step(smaller).reference_of, fold)
    return reference, references


def _without_transformers(estimator: Any) -> Any:
    """For transformed rows: steps keep their names, and so their arguments of `fit`."""
    if not isinstance(estimator, Pipeline):
        return estimator
    *transformers, (name, last) = estimator.steps
    unchanged = FrozenEstimator(FunctionTransformer())
    steps = [(transformer, unchanged) for transformer, _ in transformers]
    return Pipeline([*steps, (name, _without_transformers(last))])


def _at_level(own: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """A reference by fits on fewer rows, corrected for their larger distances."""
    both = (own > 0) & (reference > 0)
    return own * np.median(reference[both] / own[both]) if both.any() else own


def learning_step(estimator: Any) -> Any:
    """The last step of a detector or Pipeline; None if it is frozen, and must stay as it is."""
    last = last_step(estimator, frozen=False)
    return None if isinstance(last, FrozenEstimator) else last


class ReferenceOf:
    """The reference of a row by the last step of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        A fitted detector or Pipeline whose last step has `reference_of`.
    """

    def __init__(self, estimator: Any) -> None:
        self._transformers, self._last = pipeline_steps(estimator)

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """One number for each row."""
        for transformer in self._transformers:
            X = transformer.transform(X)
        return self._last.reference_of(X)


def _fitted(estimator: Any, rows: FoldRows, positions: NDArray[np.intp]) -> Any:
    """A clone, fitted without scores and references of its own rows, which nobody needs."""
    copied = clone(estimator)
    if isinstance(copied, Pipeline) and not getattr(copied, "trim", True):
        copied = copied[:]  # an `OutlierPipeline` would cross-fit, and scores as a plain one does
    last = learning_step(copied)
    light: dict[str, float] = (
        {"threshold_samples": 2} if getattr(last, "_threshold_is_apart", False) else {}
    )
    if hasattr(last, "reference_of"):
        light[last._reference_parameter] = 0.0
    wanted = {name: getattr(last, name) for name in light}
    if light:
        last.set_params(**light)
    fitted = rows.fitted(copied, positions)
    if light:
        learning_step(fitted).set_params(**wanted)
    return fitted
