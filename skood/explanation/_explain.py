"""Explanations through the steps of a Pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error, pipeline_steps
from ._explanation import Explanation, numbered_names
from ._linear_map import LinearMap, Step, linear_steps


def explain(estimator: Any, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
    """Explain scores: each feature's share, and the neighbours behind them.

    The `explain` of each detector defines the shares, the weights of the neighbours and the base.
    In a Pipeline the shares go back to the features before its last linear transformers:
    scikit-learn's scalers, PCA, `TruncatedSVD` and feature selectors, `PartialWhitener` and
    `ActiveNeuronSelector`. The share of an input feature is its difference (from the neighbours,
    the reconstruction or the mean) times the slope of the distance in it, so the shares sum to the
    same score. Scalers do not change them. A rotation can make one negative: that feature differs
    as the features correlated with it predict. Directions that PCA has dropped have no part in the
    differences. If `PartialWhitener` divides rows by a power of their length, the shares are those
    of the divided rows. A transformer that is not linear ends the way back: its own features have
    the shares. ``metric="cosine"`` compares directions of rows: a feature that outgrows the others
    makes these smaller, and they have shares too.

    Parameters
    ----------
    estimator : estimator
        A fitted detector with `explain`, such as those of skood by neighbours, density and
        Mahalanobis distance; a `LayerEnsemble` of these; or a Pipeline that ends in one of them. A
        `ConformalOutlierDetector` or `OODGate` is explained by its detector.
    X : array-like of shape (n_samples, n_features), or raw inputs
        The rows to explain, as the estimator takes them.
    linear_map : LinearMap or None, default=None
        The map that made X of other features, which then get the shares. All transformers of the
        estimator have to be linear for that.

    Returns
    -------
    Explanation
        Scores, shares, names of the features, neighbours.

    Raises
    ------
    ValueError
        If the estimator has no explanation, or a `linear_map` is given and a transformer is not
        linear.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import explain, make_outlier_detector
    >>> X = np.random.default_rng(0).normal(size=(300, 3)) * [1.0, 10.0, 100.0]
    >>> detector = make_outlier_detector("tabular").fit(X)
    >>> explain(detector, [[0.1, 60.0, 20.0]])
    Explanation of 1 row by 3 features
      0: score -3.72, shares x1 3.65, x2 0.0561, x0 0.013
    """
    transformers, last = _steps(estimator)
    if not hasattr(last, "explain"):
        allowed = (
            "a detector with `explain`, a LayerEnsemble of such, or a Pipeline that ends in one"
        )
        raise parameter_error("explain", "estimator", allowed, estimator)
    n_head, tail = _linear_tail(transformers)
    if n_head and linear_map is not None:
        allowed = "None where a transformer of the estimator is not linear"
        raise parameter_error("explain", "linear_map", allowed, linear_map)
    for transformer in transformers:
        X = transformer.transform(X)
    through = (linear_map or LinearMap()).then(*tail)
    if linear_map is None and through.keeps_features:
        explanation = last.explain(X)  # also for detectors that take no map
    else:
        explanation = last.explain(X, linear_map=through)
    if linear_map is not None or not transformers:
        return explanation
    owners = getattr(transformers[n_head - 1], "feature_owners_", None) if n_head else None
    if owners is not None and len(owners) == explanation.shares.shape[1]:
        return _of_owners(explanation, owners)
    return _with_names(explanation, transformers, n_head)


def _of_owners(explanation: Explanation, owners: NDArray) -> Explanation:
    """The explanation with the shares of the columns that a transformer has made features of."""
    names = list(dict.fromkeys(owners))
    shares = [explanation.shares[:, owners == name].sum(axis=1) for name in names]
    return replace(
        explanation, shares=np.column_stack(shares), feature_names=np.array(names, dtype=object)
    )


def reaches_inputs(estimator: Any) -> bool:
    """Whether the shares of a detector or Pipeline are those of the features that it takes.

    Parameters
    ----------
    estimator : estimator
        A fitted detector or Pipeline.

    Returns
    -------
    bool
        False where a transformer in it is not linear.
    """
    return _linear_tail(_steps(estimator)[0])[0] == 0


def _steps(estimator: Any) -> tuple[list[Any], Any]:
    """All transformers in their order, and the detector after them, also one in a wrapper."""
    transformers, last = pipeline_steps(estimator)
    while not hasattr(last, "explain") and hasattr(last, "detector_"):
        inner, last = pipeline_steps(last.detector_)
        transformers += inner
    return transformers, last


def _linear_tail(transformers: Sequence[Any]) -> tuple[int, list[Step]]:
    """How many transformers come before the last linear ones, and the steps of these."""
    tail: list[Step] = []
    for i in range(len(transformers), 0, -1):
        steps = linear_steps(transformers[i - 1])
        if steps is None:
            return i, tail
        tail = [*steps, *tail]
    return 0, tail


def _with_names(explanation: Explanation, transformers: Sequence[Any], n_head: int) -> Explanation:
    """The explanation with the names, and the groups, of the features before the linear tail."""
    shares = explanation.shares
    d = shares.shape[1]
    names = _names_after(transformers[:n_head], transformers[n_head:])
    if names is None or len(names) != d:
        names = numbered_names(d)
    groups = explanation.group_shares
    if groups is None and n_head:
        known = getattr(transformers[n_head - 1], "feature_groups_", None) or {}
        groups = {name: shares[:, part].sum(axis=1) for name, part in known.items()} or None
    return replace(explanation, feature_names=np.asarray(names, dtype=object), group_shares=groups)


def _names_after(head: Sequence[Any], tail: Sequence[Any]) -> NDArray | None:
    """Names of the features that the head gives; None if they are unknown."""
    names = getattr([*head, *tail][0], "feature_names_in_", None)
    for step in head:
        # The first step has stored the names of its input; others may need them here.
        names = step.get_feature_names_out(names) if _gives_names(step) else None
    return names


def _gives_names(step: Any) -> bool:
    return hasattr(step, "get_feature_names_out")
