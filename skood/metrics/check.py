"""Checks of the labels and scores of a metric."""

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import count_missing_labels
from ..measures.arguments import shown


def check_labels_and_scores(
    y_true: ArrayLike, scores: ArrayLike, *, pos_label: Any, caller: str
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Check the input of a metric: whether each row is in-distribution, and the rank of its score.

    Both classes occur. Ranks are among the distinct scores in rising order, from 0; ties share a
    rank. `caller` is the public function that messages name.
    """
    labels = _one_dimensional(y_true, "y_true", caller)
    values = _one_dimensional(scores, "scores", caller)
    if len(labels) != len(values):
        raise _error("y_true", caller, f"as long as 'scores' ({len(values)} rows)", len(labels))
    is_in = _is_in_distribution(labels, pos_label, caller)
    n_in = int(np.count_nonzero(is_in))
    if n_in in (0, len(is_in)):
        allowed = "labels of both in-distribution and OoD rows"
        got = f"{n_in} in-distribution and {len(is_in) - n_in} OoD rows"
        raise _error("y_true", caller, allowed, got)
    return is_in, _dense_ranks(values, caller)


def check_fraction(value: Any, name: str, *, caller: str, one_allowed: bool) -> float:
    """Return `value` as a float if it lies in (0, 1), or in (0, 1] with `one_allowed`."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not (0 < value < 1 or (one_allowed and value == 1)):
        interval = "(0, 1]" if one_allowed else "(0, 1)"
        raise _error(name, caller, f"a float in {interval}", shown(value))
    return float(value)


def check_count(value: Any, name: str, *, caller: str) -> int:
    """Return `value` as an int if it is a whole number of at least 0."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 0:
        raise _error(name, caller, "an int in [0, inf)", shown(value))
    return int(value)


def _error(name: str, caller: str, allowed: str, got: object) -> ValueError:
    return ValueError(f"The {name!r} parameter of {caller} must be {allowed}. Got {got} instead.")


def _one_dimensional(values: ArrayLike, name: str, caller: str) -> NDArray[Any]:
    allowed = "a 1-D array-like with at least one row"
    try:
        array = np.asarray(values)
    except ValueError as error:  # NumPy's answer to rows of unequal length
        raise _error(name, caller, allowed, "nested rows of unequal length") from error
    if array.ndim != 1 or array.size == 0:
        raise _error(name, caller, allowed, f"shape {array.shape}")
    return array


def _is_in_distribution(labels: NDArray[Any], pos_label: Any, caller: str) -> NDArray[np.bool_]:
    n_missing = count_missing_labels(labels)
    if n_missing:
        # A missing label would count as OoD, since it is not `pos_label`.
        raise _error("y_true", caller, "free of missing labels", f"{n_missing} missing")
    if pos_label is None:
        _check_plus_minus_one(labels, caller)
        return np.asarray(labels == 1)
    # NumPy would compare an array with the labels row by row. It has no shape for a ragged list.
    if isinstance(pos_label, list) or np.ndim(pos_label) != 0:
        raise _error("pos_label", caller, "a single label", shown(pos_label))
    is_in = np.asarray(labels == pos_label, dtype=bool)
    if not is_in.any():
        allowed = f"one of the labels in 'y_true' ({_distinct(labels)})"
        raise _error("pos_label", caller, allowed, shown(pos_label))
    return is_in


def _check_plus_minus_one(labels: NDArray[Any], caller: str) -> None:
    numeric = labels.dtype.kind in "iuf" or (
        # Some comparisons find "1" and True equal to +1, but they need not mean in-distribution.
        labels.dtype.kind == "O"
        and all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in labels)
    )
    if not numeric or not np.all((labels == 1) | (labels == -1)):
        allowed = (
            "+1 (in-distribution) or -1 (OoD) in every row, unless 'pos_label' names the label "
            "that means in-distribution (a guess could silently invert the metric, as 0/1 labels "
            "with 1 = outlier do)"
        )
        raise _error("y_true", caller, allowed, f"the labels {_distinct(labels)}")


def _dense_ranks(scores: NDArray[Any], caller: str) -> NDArray[np.intp]:
    """Replace scores by ranks: a metric over all thresholds depends only on these.

    Ranks order infinities like any number. scikit-learn takes differences to find ties, and
    differences of ranks cannot overflow.
    """
    if scores.dtype.kind == "O":
        scores = _as_floats(scores, caller)
    if scores.dtype.kind not in "biuf":
        raise _error("scores", caller, "real numbers", f"dtype {scores.dtype}")
    is_nan = np.isnan(scores)
    if is_nan.any():
        got = f"{np.count_nonzero(is_nan)} NaN, the first in row {int(np.argmax(is_nan))},"
        raise _error("scores", caller, "free of NaN", got)
    return np.unique(scores, return_inverse=True)[1]


def _as_floats(scores: NDArray[np.object_], caller: str) -> NDArray[np.float64]:
    try:
        # The cast would parse text of digits in an array of objects, but not in one of text.
        if not any(isinstance(score, str | bytes) for score in scores):
            return scores.astype(np.float64)
        reason = "text among them"
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise _error("scores", caller, "real numbers", f"objects ({reason})")


def _distinct(labels: NDArray[Any], at_most: int = 5) -> str:
    distinct = list(dict.fromkeys(map(repr, labels.tolist())))
    return ", ".join(distinct[:at_most]) + (", ..." if len(distinct) > at_most else "")
