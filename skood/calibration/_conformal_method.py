"""Full conformal, CV+ or a split: the choice, and the fit of the first two."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from .._validation import (
    check_float,
    check_int,
    check_methods,
    check_option,
    count_rows,
    last_step,
    parameter_error,
    pipeline_steps,
)
from ..rows import StoredRows
from ._calibration_rows import known_rows, learns_from_labels
from ._rank_counts import CrossRanks, without_nan
from .cross_fit import cross_fitted, folds_of

_METHODS = ("auto", "full", "cv+", "split")
_CONTROL = ("marginal", "fdr", "fdr-e")


def check_parameters(owner: Any) -> None:
    """Raise unless the parameters of a ConformalOutlierDetector are valid."""
    check_option(owner, "method", owner.method, _METHODS)
    check_int(owner, "n_folds", owner.n_folds, 2)
    check_methods(owner, "detector", ("fit", "score_samples"))
    check_float(owner, "alpha", owner.alpha, "(0, 1)")
    check_option(owner, "control", owner.control, _CONTROL)
    if not isinstance(owner.class_conditional, (bool, np.bool_)):
        raise parameter_error(owner, "class_conditional", "a bool", owner.class_conditional)
    check_float(owner, "calibration_size", owner.calibration_size, "(0, 1)")


class Ranked(NamedTuple):
    """A detector that is fitted to all rows, and the ranks of new rows among them."""

    detector: Any
    ranks: Any
    scores: NDArray[np.float64]
    """Scores of the calibration rows, each by a fit without it."""
    rows: NDArray[np.intp]
    """Positions of the calibration rows."""


def chosen_method(owner: Any, X: Any, groups: Any) -> str:
    """The method that the owner's detector and rows allow; raises if they do not allow `method`."""
    allowed = _allowed(owner.detector, X, groups)
    if owner.method == "auto":
        return allowed[0]
    if owner.method not in allowed:
        listed = " or ".join(map(repr, allowed))
        why = f"for {type(owner.detector).__name__} with these parameters and rows"
        raise parameter_error(owner, "method", f"{listed} {why}", owner.method)
    return owner.method


def _allowed(detector: Any, X: Any, groups: Any) -> tuple[str, ...]:
    if isinstance(detector, FrozenEstimator):
        return ("split",)
    last = last_step(detector)
    methods = getattr(last, "conformal_methods", lambda: ("cv+", "split"))()
    # a step before the detector learns from the rows too
    whole = not pipeline_steps(detector)[0] and _is_in_memory(X)
    if not whole or groups is not None or learns_from_labels(detector):
        methods = tuple(method for method in methods if method != "full")
    if groups is not None:
        methods = tuple(method for method in methods if method != "split")
    if isinstance(X, np.memmap):  # "full" would read it into memory: only where asked for
        methods = tuple(sorted(methods, key=lambda method: method == "full"))
    return methods


def _is_in_memory(X: Any) -> bool:
    is_elsewhere = isinstance(X, StoredRows) or hasattr(X, "chunks")
    return not is_elsewhere and not type(X).__module__.startswith("torch")


def fit_full(owner: Any, X: Any, labels: NDArray | None) -> Ranked:
    """The detector on all rows, and full conformal ranks."""
    X = np.array(X) if isinstance(X, np.memmap) else X
    detector = clone(owner.detector).fit(X, labels)
    ranks = detector.full_conformal(X)
    rows = np.arange(len(ranks.training_scores))
    return Ranked(detector, ranks, ranks.training_scores, rows)


def fit_folds(
    owner: Any,
    X: Any,
    labels: NDArray | None,
    codes: NDArray | None,
    groups: Any,
    generator: np.random.RandomState,
) -> Ranked:
    """The detector on all rows, and ranks by the detectors that each left out a fold."""
    n_samples = count_rows(X)
    inside = known_rows(owner.detector, labels, n_samples)
    if len(inside) < 2:
        raise ValueError(
            f"ConformalOutlierDetector got {len(inside)} sample(s) that are in-distribution, but a "
            "minimum of 2 is required."
        )
    detector = clone(owner.detector).fit(X, labels)  # first: rows that no fit takes are no fold's
    folds = folds_of(n_samples, labels, groups, owner.n_folds, generator)
    fitted = cross_fitted(owner.detector, X, labels, folds, score_rows=inside)
    by_row, codes = np.empty(n_samples), np.zeros(n_samples, dtype=int) if codes is None else codes
    by_row[fitted.rows] = scores = without_nan(owner.detector, fitted.scores)
    folds = [np.intersect1d(fold, inside, assume_unique=True) for fold in folds]
    ranks = CrossRanks(
        fitted.estimators, [by_row[fold] for fold in folds], [codes[fold] for fold in folds]
    )
    return Ranked(detector, ranks, scores, inside)
