"""Checks of parameters and input; the steps of a Pipeline; scikit-learn's versioned names."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    _num_samples,
    check_array,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from .measures.arguments import as_array, rows_in_one_sentence
from .measures.arguments import parameter_error as parameter_error
from .measures.missing_labels import count_missing_labels as count_missing_labels
from .rows import StoredRows, as_stored_rows, native_byte_order
from .rows.place import is_in_tensor

BaseComposition = _BaseComposition  # parameters of estimators in a list, by their names
_FLOATS = (float, int, np.floating, np.integer)
_DTYPES = (np.float64, np.float32)  # any other type becomes the first


def check_int(
    owner: object,
    name: str,
    value: Any,
    low: int,
    high: int | None = None,
    *,
    or_none: bool = False,
) -> None:
    """Raise unless `value` is a whole number in [low, high], or None with `or_none`."""
    if or_none and value is None:
        return
    number = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if not number or value < low or value > (sys.maxsize if high is None else high):
        allowed = f"an int in [{low}, {'inf)' if high is None else f'{high}]'}"
        raise parameter_error(owner, name, allowed + (" or None" if or_none else ""), value)


def check_float(
    owner: object, name: str, value: Any, interval: str, *, high_name: str | None = None
) -> None:
    """Raise unless `value` is a number in `interval`, written as in ``"(0, 0.5]"``.

    `high_name` replaces the upper end in the message, if the end is another parameter.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    # Not any Real: NumPy makes objects of fractions, and no float of a larger whole number.
    inside = isinstance(value, _FLOATS) and not isinstance(value, bool)
    inside = inside and not (isinstance(value, int) and abs(value) > sys.float_info.max)
    inside = inside and (value > low or (value == low and interval[0] == "["))
    inside = inside and (value < high or (value == high and interval[-1] == "]"))
    if not inside:
        shown = (
            interval if high_name is None else f"{interval[0]}{low:g}, {high_name}{interval[-1]}"
        )
        raise parameter_error(owner, name, f"a float in {shown}", value)


def check_n_jobs(owner: Any) -> None:
    """Raise unless the parameter `n_jobs` is a number of threads, -1 or None."""
    if not isinstance(owner.n_jobs, Integral) or owner.n_jobs != -1:
        check_int(owner, "n_jobs", owner.n_jobs, 1, 10_000, or_none=True)


def random_generator(owner: Any, value: Any = None) -> np.random.RandomState:
    """The generator of the parameter `random_state`: of an estimator, or of a named function."""
    value = value if isinstance(owner, str) else owner.random_state
    try:
        return check_random_state(value)
    except (TypeError, ValueError) as error:
        allowed = "an int in [0, 4294967295], a RandomState instance or None"
        raise parameter_error(owner, "random_state", allowed, value) from error


def check_option(owner: object, name: str, value: Any, options: Sequence[str]) -> None:
    """Raise unless `value` is one of the strings in `options`."""
    if not (isinstance(value, str) and value in options):
        raise parameter_error(owner, name, "one of " + ", ".join(map(repr, options)), value)


def check_methods(
    owner: object, name: str, methods: Sequence[str], *, kind: str = "an estimator"
) -> None:
    """Raise unless a parameter is an estimator (not a class) with all of these methods."""
    value = getattr(owner, name)
    if isinstance(value, type) or not all(hasattr(value, method) for method in methods):
        listed = " and ".join(f"`{method}`" for method in methods)
        raise parameter_error(owner, name, f"{kind} with {listed}", value)


def _validated(estimator: BaseEstimator, X: Any, **options: Any) -> Any:
    with rows_in_one_sentence(estimator):
        return validate_data(estimator, X, **options)


def check_training_rows(
    estimator: BaseEstimator, X: Any, *, min_samples: int = 2, stored: bool = False
) -> NDArray:
    """X as a C-contiguous array of float32 or float64; stores its width and names.

    With `stored`, rows on disk stay there: the result is a `StoredRows`, whose slices and selected
    rows are such arrays.
    """
    refuse_masked_cells(estimator, X)
    rows = as_stored_rows(X)
    if rows is not None and stored:
        return _check_stored_rows(estimator, rows, min_samples, reset=True)
    values = X if rows is None or isinstance(X, np.ndarray) else np.asarray(rows)
    checked = _validated(
        estimator, values, dtype=_DTYPES, order="C", ensure_min_samples=min_samples, reset=True
    )
    if rows is not None:
        _validated(estimator, rows.empty_frame(), skip_check_array=True, reset=True)
    return checked


def check_new_rows(
    estimator: BaseEstimator, X: Any, dtype: np.dtype | None = None, *, stored: bool = False
) -> NDArray:
    """X as an array of one float type (its own by default), of the fitted width and names.

    With `stored`, rows on disk stay there, as in `check_training_rows`.
    """
    if _is_ready(estimator, X, dtype):
        return X if dtype is None else X.astype(dtype, copy=False)
    wanted = _DTYPES if dtype is None else dtype
    refuse_masked_cells(estimator, X)
    rows = as_stored_rows(X)
    if rows is not None:
        if stored:
            rows = rows if dtype is None else rows.astype(dtype)
            return _check_stored_rows(estimator, rows, 1, reset=False)
        _validated(estimator, rows.empty_frame(), skip_check_array=True, reset=False)
        values = X if isinstance(X, np.ndarray) else np.asarray(rows)
        with np.errstate(over="ignore", invalid="ignore"), rows_in_one_sentence(estimator):
            return check_array(values, dtype=wanted, order="C", input_name="X")
    # The cast makes inf of a float64 value beyond float32. The check then refuses it.
    with np.errstate(over="ignore", invalid="ignore"):
        return _validated(estimator, X, dtype=wanted, order="C", reset=False)


def _check_stored_rows(
    estimator: BaseEstimator, rows: StoredRows, min_samples: int, *, reset: bool
) -> Any:
    """Rows on disk, after a check of their width and names, and for NaN and infinity."""
    _validated(estimator, rows.empty_frame(), skip_check_array=True, reset=reset)
    if len(rows) < min_samples or rows.shape[1] == 0:
        missing = "sample" if len(rows) < min_samples else "feature"
        count, needed = (len(rows), min_samples) if missing == "sample" else (0, 1)
        raise ValueError(
            f"Found array with {count} {missing}(s) (shape={rows.shape}) while a minimum of "
            f"{needed} is required by {type(estimator).__name__}."
        )
    if rows.finite:
        return rows
    bad = rows.first_not_finite()
    if bad is not None:
        raise ValueError(
            f"Input X contains NaN, infinity or a value too large for {rows.dtype}: row {bad} of "
            f"{rows.origin} is the first such row. Drop such rows or fill in missing values; "
            f"{type(estimator).__name__} takes finite values only."
        )
    rows.finite = True
    return rows


def _is_ready(estimator: BaseEstimator, X: Any, dtype: np.dtype | None) -> bool:
    """Whether X needs no further check: the full checks take as long as scoring a row."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and (X.dtype == dtype or (dtype in (None, np.float64) and X.dtype in _DTYPES))
        and len(X) > 0
        and X.shape[1] == getattr(estimator, "n_features_in_", None)
        and not hasattr(estimator, "feature_names_in_")
        and X.flags.c_contiguous
        and bool(np.isfinite(X).all())
    )


def check_inputs(estimator: BaseEstimator, X: Any, *, reset: bool) -> NDArray:
    """Raw inputs as an array of two axes or more, with their own type; NaN may be in it.

    If X has two axes, its width and the names of its columns are stored or checked.
    """
    refuse_masked_cells(estimator, X)
    X = as_array(estimator, X)
    if len(X.shape) <= 2:
        return _validated(estimator, X, dtype="numeric", ensure_all_finite=False, reset=reset)
    if reset:
        forget_columns(estimator)
    options = {"dtype": "numeric", "allow_nd": True, "ensure_all_finite": False}
    with rows_in_one_sentence(estimator):
        return check_array(X, estimator=estimator, **options)


def refuse_masked_cells(owner: object, X: Any) -> None:
    """Raise if X is a masked array with masked cells, whose values have no meaning."""
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"Input X contains {np.ma.count_masked(X)} masked cell(s), which are missing values. "
            f"Drop such rows or fill in the values; {type(owner).__name__} takes complete rows."
        )


def forget_columns(estimator: BaseEstimator) -> None:
    """Forget the width and the names of columns that an earlier fit has stored."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            delattr(estimator, name)


def adopt_columns(estimator: BaseEstimator, fitted: Any) -> None:
    """Number and names of the columns become those of a fitted estimator, or are forgotten."""
    forget_columns(estimator)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(fitted, name):
            setattr(estimator, name, getattr(fitted, name))


def check_column_names(estimator: BaseEstimator, names: Any) -> None:
    """Raise unless the names of input columns are None or those of the rows of `fit`."""
    _check_feature_names_in(estimator, names, generate_names=False)


def check_extracted(features: Any, name: str = "the extracted features") -> NDArray:
    """Features of an extractor as a C-contiguous array of float32 or float64."""
    return check_array(features, dtype=_DTYPES, order="C", input_name=name)


def select_rows(X: Any, positions: NDArray[np.intp]) -> Any:
    """Some rows of an array of any dimensions, a frame, a list, a tensor or a dict of these."""
    if hasattr(X, "divisions"):
        raise ValueError("X is a frame of Dask: fit skood.parallel.DaskOutlierDetector to it.")
    if is_dict(X):
        return {name: _safe_indexing(value, positions) for name, value in X.items()}
    X = native_byte_order(X)
    return X.take(positions) if hasattr(X, "to_batches") else _safe_indexing(X, positions)


def select_fit_params(
    X: Any, params: Mapping[str, Any], positions: NDArray[np.intp]
) -> dict[str, Any]:
    """Arguments of `fit` for some of the rows: those with one entry for each row are divided."""
    return _check_method_params(X, params, indices=positions)


def count_rows(X: Any) -> int:
    """The number of rows of an array, a frame, a list, a tensor or a dict of these; no checks."""
    return _num_samples(next(iter(X.values()), []) if is_dict(X) else X)


def is_dict(X: Any) -> bool:
    """Whether inputs come by name; some sparse matrices are dicts too."""
    return isinstance(X, Mapping) and not hasattr(X, "shape")


def check_labels(y: Any, n_samples: int, name: str = "labels y") -> NDArray | None:
    """Labels as a one-dimensional array of n_samples, without gaps; None stays None."""
    if y is None:
        return None
    n_missing = count_missing_labels(y)
    if n_missing:
        raise ValueError(
            f"The {name} have {n_missing} missing value(s) (NaN, NA, None or masked) among "
            f"{n_samples}; drop these rows, or give them a class of their own."
        )
    y = column_or_1d(y)
    check_consistent_length(y, np.empty(n_samples))
    return y


def without_ood_rows(owner: object, X: Any, y: Any) -> tuple[Any, Any]:
    """X and y without the rows labelled -1, if y holds only +1 and -1.

    Such labels name the out-of-distribution rows, and no detector may learn these as known. Raises
    if labels are missing, if all are -1, or if some are -1 and the rows are on disk.
    """
    if y is None or not (hasattr(X, "__len__") or hasattr(X, "shape")):
        return X, y
    inside = positions_inside(owner, y, count_rows(X))
    if inside is None:
        return X, y
    rows = as_stored_rows(X)
    if rows is not None and not is_in_tensor(rows):
        raise ValueError(
            f"{len(y) - len(inside)} rows on disk are labelled -1 (out-of-distribution): write the "
            "rows labelled +1 to a file of their own and fit to that."
        )
    return select_rows(X, inside), column_or_1d(y)[inside]


def positions_inside(owner: object, y: Any, n_samples: int) -> NDArray[np.intp] | None:
    """Positions of the rows labelled +1; None unless y holds only +1 and -1, and a -1."""
    labels = signs_of(check_labels(y, n_samples))
    if labels is None:
        return None
    inside = np.flatnonzero(labels == 1)
    if not len(inside):
        name = owner if isinstance(owner, str) else type(owner).__name__
        raise ValueError(
            f"{name} learns from in-distribution rows, labelled +1, and all {len(labels)} labels "
            "in y are -1 (out-of-distribution)."
        )
    return None if len(inside) == len(labels) else inside


def signs_of(labels: NDArray | None) -> NDArray | None:
    """Labels that are only +1 and -1, as numbers even if they are objects; else None."""
    if labels is None:
        return None
    if labels.dtype.kind == "O" and all(isinstance(label, Real) for label in labels):
        labels = np.array(labels.tolist())
    return labels if labels.dtype.kind in "if" and np.isin(labels, (-1, 1)).all() else None


def discrete_classes(y: NDArray | None) -> NDArray | None:
    """The sorted classes in y; None if y is None or holds fractions."""
    if y is None or (y.dtype.kind == "f" and not np.array_equal(y, np.round(y))):
        return None
    try:
        return np.unique(y)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in y})
        raise ValueError(
            f"The labels y must be of one type that has an order. Got {', '.join(kinds)} instead."
        ) from error


def pipeline_steps(estimator: Any, *, frozen: bool = True) -> tuple[list[Any], Any]:
    """The transformers of a Pipeline, in the order in which rows pass them, and its last step.

    Inner Pipelines are taken apart too, with `frozen` also those in a `FrozenEstimator`. Steps that
    leave rows unchanged ("passthrough", None) are left out. Any other estimator, even a search or a
    wrapper, is a last step without transformers.
    """
    while frozen and isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if not isinstance(estimator, Pipeline):
        return [], estimator
    transformers: list[Any] = []
    for _, step in estimator.steps[:-1]:
        inner, transformer = pipeline_steps(step, frozen=frozen)
        transformers += inner
        if transformer is not None and not isinstance(transformer, str):
            transformers.append(transformer)
    inner, last = pipeline_steps(estimator.steps[-1][1], frozen=frozen)
    return transformers + inner, last


def last_step(estimator: Any, *, frozen: bool = True) -> Any:
    """The detector at the end of a Pipeline, as in `pipeline_steps`."""
    return pipeline_steps(estimator, frozen=frozen)[1]


def working_memory_bytes() -> int:
    """Bytes that scikit-learn's ``working_memory`` setting allows for temporary arrays."""
    return int(sklearn.get_config()["working_memory"] * 2**20)
