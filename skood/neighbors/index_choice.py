"""The index of a detector, by its parameters `algorithm` and `metric`."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import clone

from .._optional import install_command, is_installed
from .._validation import (
    check_option,
    check_training_rows,
    parameter_error,
    working_memory_bytes,
)
from ..rows.place import is_stored
from .contract import METRICS, NeighborIndex
from .exact import ExactIndex
from .faiss_index import FaissIndex
from .kd_tree import KDTreeIndex
from .pynndescent_index import PyNNDescentIndex
from .shards import is_over_shards

_ALGORITHMS = ("auto", "exact", "approximate")
_MOST_TREE_COLUMNS = 8


def check_algorithm(owner: Any) -> None:
    """Raise unless the detector's `algorithm` and `metric` are valid and fit each other."""
    check_option(owner, "metric", owner.metric, METRICS)
    algorithm = owner.algorithm
    if not isinstance(algorithm, NeighborIndex):
        if not (isinstance(algorithm, str) and algorithm in _ALGORITHMS):
            allowed = "one of " + ", ".join(map(repr, _ALGORITHMS)) + " or an index object"
            raise parameter_error(owner, "algorithm", allowed, algorithm)
    elif algorithm.metric != owner.metric:
        allowed = f"{algorithm.metric!r}, the metric of the index given as 'algorithm'"
        raise parameter_error(owner, "metric", allowed, owner.metric)


def check_rows_for_index(owner: Any, X: Any) -> Any:
    """Checked training rows of a detector in the form that its `algorithm` takes."""
    if is_over_shards(owner.algorithm):
        return owner.algorithm.check_rows(owner, X)
    return check_training_rows(owner, X, stored=True)


def fitted_index(owner: Any, X: Any) -> NeighborIndex:
    """The index of the detector's `algorithm`, fitted to these rows."""
    if isinstance(owner.algorithm, NeighborIndex):
        return fitted_on(owner.algorithm, X)
    if owner.algorithm == "approximate":
        return _approximate_index(owner).fit(X)
    for_tree = owner.algorithm == "auto" and is_for_a_tree(X.shape[1])
    if is_stored(X):  # the tree is in memory, in float64
        for_tree = for_tree and 8 * X.shape[0] * X.shape[1] < working_memory_bytes() / 8
    make = KDTreeIndex if for_tree else ExactIndex
    return make(metric=owner.metric, n_jobs=owner.n_jobs).fit(X)


def fitted_on(index: NeighborIndex, X: Any) -> NeighborIndex:
    """The index itself if it holds these rows; else a fitted clone, so that it does not change."""
    return index if index.is_fitted_on(X) else clone(index).fit(X)


def appendable_index(owner: Any) -> ExactIndex:
    """The detector's index if it can add rows; an exact index in place of the k-d tree of "auto".

    For any other index, raises the error of `partial_fit`.
    """
    index = owner.index_
    if isinstance(index, KDTreeIndex) and owner.algorithm == "auto":
        return ExactIndex(metric=index.metric, n_jobs=owner.n_jobs).fit(index.training_rows_)
    if not isinstance(index, ExactIndex) or index.metric != owner.metric:
        allowed = (
            "'auto', 'exact' or an ExactIndex of the metric of the rows before, for partial_fit"
        )
        raise parameter_error(owner, "algorithm", allowed, owner.algorithm)
    return index


def feasible_n_neighbors(owner: Any, n_samples: int) -> int:
    """The detector's `n_neighbors`, or the number of other training rows if that is less.

    In the second case the user is warned.
    """
    if owner.n_neighbors < n_samples:
        return owner.n_neighbors
    warnings.warn(
        f"n_neighbors={owner.n_neighbors} of {type(owner).__name__} is more than the "
        f"{n_samples - 1} other training rows; n_neighbors_={n_samples - 1} is used.",
        UserWarning,
        stacklevel=3,
    )
    return n_samples - 1


def is_for_a_tree(n_features: int) -> bool:
    """Whether a k-d tree is faster than the matrix product; both give the same answer.

    Processor time of the tree for 15 neighbours, divided by that of the product. The range is over
    2,000 to 200,000 training rows and both types of float:

    ======= ======================= =============================
    columns independent normal rows correlated, heavy-tailed rows
    ======= ======================= =============================
    4       0.07 to 0.48            0.06 to 0.31
    8       0.67 to 1.75            0.23 to 0.64
    10      1.1  to 4.8             0.38 to 1.1
    12      1.1  to 10              0.44 to 1.6
    ======= ======================= =============================

    So the choice depends on the columns, and hardly on the number of rows.
    """
    return n_features <= _MOST_TREE_COLUMNS


def _approximate_index(owner: Any) -> NeighborIndex:
    """The best approximate index with an installed library."""
    # pynndescent compiles for minutes in every process, so it is second.
    for module, make in (("faiss", FaissIndex), ("pynndescent", PyNNDescentIndex)):
        if is_installed(module):
            return make(
                metric=owner.metric,
                recall_at=owner.n_neighbors_,
                random_state=owner.random_state,
                n_jobs=owner.n_jobs,
            )
    raise ImportError(
        f"algorithm='approximate' of {type(owner).__name__} needs the module 'faiss' or "
        "'pynndescent', and neither is installed: "
        f"run {install_command('ann')} (the extra 'ann')."
    )
