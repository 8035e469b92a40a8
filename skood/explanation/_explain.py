"""Explanations through the steps of a Pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error, pipeline_steps
from ._cells import cells, numbers_if_all
from ._columns import Way, way_back
from ._explanation import Explanation, numbered_names
from ._linear_map import LinearMap, Step, linear_steps


def explain(estimator: Any, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
    """Explain scores: each feature's share, and the neighbours behind them.

    The `explain` of each detector defines the shares, the weights of the neighbours and the base.
    In a Pipeline the shares are traced back through its last linear transformers: scikit-learn's
    scalers, PCA, `TruncatedSVD` and feature selectors, `PartialWhitener` and
    `ActiveNeuronSelector`. The share of an input feature is its difference (from the neighbours,
    the reconstruction or the mean) times the slope of the distance in it, so the shares sum to the
    same score. Scalers do not change them. A rotation can make a share negative: the feature
    differs in the direction that correlated features predict. Directions that PCA drops have no
    part in the differences. If `PartialWhitener` divides rows by a power of their length, the
    shares are those of the divided rows. Any other transformer ends the way back, and its outputs
    have the shares, unless it maps each column separately, as `TableScaler`, imputers, one-hot and
    quantile transformers do, and a `ColumnTransformer` of these. ``metric="cosine"`` compares
    directions of rows: a feature that grows makes the others smaller, so they have shares too. The
    values of rows and of their neighbours have the columns and units of X.

    Parameters
    ----------
    estimator : estimator
        A fitted detector with `explain`, such as those of skood by neighbours, density and
        Mahalanobis distance; a `LayerEnsemble` of these; or a Pipeline that ends in one of them. A
        `ConformalOutlierDetector` or `OODGate` is explained by its detector.
    X : array-like of shape (n_samples, n_features), or raw inputs
        The rows to explain, as the estimator takes them.
    linear_map : LinearMap or None, default=None
        The map from the original features to X: the shares are then those of the original features.
        All transformers of the estimator must be linear for that.

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
      0: score -4.62
         x1 = 60, expected 15.7 to 23.8 (98 %)
         x2 = 20, expected -89.7 to 62.6 (1 %)
    """
    transformers, last = _steps(estimator)
    if not hasattr(last, "explain"):
        allowed = (
            "a detector with `explain`, a LayerEnsemble of such, or a Pipeline that ends in one"
        )
        raise parameter_error("explain", "estimator", allowed, estimator)
    n_head, tail = _linear_tail(transformers)
    if n_head and linear_map is not None:
        allowed = "None, because a transformer of the estimator is not linear"
        raise parameter_error("explain", "linear_map", allowed, linear_map)
    ways, n_kept = _ways_back(transformers[:n_head])
    stages = [X]  # rows before each transformer; None where they are needed no more
    for i, transformer in enumerate(transformers):
        stages.append(transformer.transform(stages[i]))
        if i not in (n_kept, n_head):
            stages[i] = None
    through = (linear_map or LinearMap()).then(*tail)
    if linear_map is None and through.keeps_features:
        explanation = last.explain(stages[-1])  # also for detectors that take no map
        if tail and explanation.expected is not None:
            rows = explanation.expected.mapped(through.rows)
            explanation = replace(explanation, expected=rows)
    else:
        explanation = last.explain(stages[-1], linear_map=through)
    if linear_map is not None or not transformers:
        return explanation
    if np.shape(stages[n_head])[1:] != explanation.shares.shape[1:]:
        return explanation  # whose features are layers
    explanation = _with_groups(explanation, transformers[:n_head])
    return _of_columns(explanation, stages[n_kept], transformers, ways, n_kept)


def _of_columns(
    explanation: Explanation, X: Any, transformers: Sequence[Any], ways: Sequence[Way], n_kept: int
) -> Explanation:
    """The explanation of the columns of X, the inputs of the transformers after `n_kept`."""
    shares, expected = explanation.shares, explanation.expected
    for way in ways:
        shares, expected = way.explain(shares, expected)
    d = shares.shape[1]
    used = ways[-1].used if ways else np.arange(d)
    names = _names_after(transformers[:n_kept], transformers[n_kept:])
    if names is None or len(names) != d:
        names = numbered_names(d)
    first: Any = transformers[n_kept] if ways else None
    values = first.given_values(X) if hasattr(first, "given_values") else cells(X, d)
    return replace(
        explanation,
        shares=shares[:, used],
        feature_names=np.asarray(names, dtype=object)[used],
        values=None if values is None else numbers_if_all(values[:, used]),
        expected=None if expected is None else expected.of_features(used),
        units=first.given_units() if hasattr(first, "given_units") else None,
    )


def _ways_back(head: Sequence[Any]) -> tuple[list[Way], int]:
    """The ways back through the last transformers, and the number of transformers before."""
    ways: list[Way] = []
    for i in range(len(head), 0, -1):
        way = way_back(head[i - 1])
        if way is None:
            return ways, i
        ways.append(way)
    return ways, 0


def reaches_inputs(estimator: Any) -> bool:
    """Whether the shares of a detector or Pipeline belong to its input features.

    Parameters
    ----------
    estimator : estimator
        A fitted detector or Pipeline.

    Returns
    -------
    bool
        False if a transformer in it is not linear.
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
    """The number of transformers before the last linear ones, and the steps of these."""
    tail: list[Step] = []
    for i in range(len(transformers), 0, -1):
        steps = linear_steps(transformers[i - 1])
        if steps is None:
            return i, tail
        tail = [*steps, *tail]
    return 0, tail


def _with_groups(explanation: Explanation, head: Sequence[Any]) -> Explanation:
    """The explanation with the shares of groups of the features from the head."""
    if explanation.group_shares is not None or not head:
        return explanation
    known = getattr(head[-1], "feature_groups_", None) or {}
    groups = {name: explanation.shares[:, part].sum(axis=1) for name, part in known.items()}
    return replace(explanation, group_shares=groups or None)


def _names_after(head: Sequence[Any], tail: Sequence[Any]) -> NDArray | None:
    """Names of the features from the head; None if they are unknown."""
    names = getattr([*head, *tail][0], "feature_names_in_", None)
    for step in head:
        # The first step has stored the names of its input; others may need them here.
        names = step.get_feature_names_out(names) if _gives_names(step) else None
    return names


def _gives_names(step: Any) -> bool:
    return hasattr(step, "get_feature_names_out")
