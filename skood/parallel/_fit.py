"""Fits over Dask collections: by sums or parts on the workers, or in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from ..calibration import OutlierEnsemble, OutlierPipeline
from ..neighbors.shards import is_over_shards
from ._cluster import compute
from ._parts import Parts
from ._rows import is_array, is_frame
from ._score_blocks import naming_partition

# Transformers whose partial_fit, part by part, equals one fit on all rows.
_BY_PARTS = (StandardScaler, MinMaxScaler, MaxAbsScaler)


def fit_over_dask(detector: Any, X: Any, y: Any) -> Any:
    """Fit a detector, or the steps of a Pipeline, in place to a Dask collection."""
    if is_array(y) or hasattr(y, "divisions"):
        (y,) = compute([y])
    chooses_rows = y is None or not is_frame(X)
    if isinstance(detector, FrozenEstimator) or (_searches_shards(detector) and chooses_rows):
        return detector.fit(X, y)
    parts = Parts.of(X)
    honest = isinstance(detector, OutlierPipeline | OutlierEnsemble)
    pipeline = detector if honest else OutlierPipeline([("detector", detector)])
    if honest or y is not None:
        inside = pipeline.training_positions(sum(parts.sizes), y)
    if y is not None and (honest or len(inside) < sum(parts.sizes)):
        parts, y = parts.selected(inside), np.asarray(y)[inside]
    if _searches_shards(detector):
        return detector.fit(parts.frame(X), y)
    if not honest:
        return _fit_to_parts(detector, parts, y)
    if _trims(detector):  # which rows are odd is known only where all are
        _fit_step(detector, parts, y)
        return detector
    return detector.fit_over(RowsInParts(parts, y), len(inside), y)


def _trims(detector: Any) -> bool:
    """Whether a Pipeline, or one in an ensemble, leaves out odd rows."""
    if isinstance(detector, OutlierEnsemble):
        return any(_trims(member) for _, member in detector.estimators)
    return isinstance(detector, OutlierPipeline) and (detector.trim > 0 or _trims(detector[-1]))


class RowsInParts:
    """Rows of a Dask collection, for fits to some of them in each fold."""

    def __init__(self, parts: Parts, y: Any) -> None:
        self._parts, self._y = parts, y

    def fitted(self, estimator: Any, positions: NDArray[np.intp]) -> Any:
        """The estimator, fitted to some of the rows where they are."""
        y = None if self._y is None else self._y[positions]
        return _fit_to_parts(estimator, self._parts.selected(positions), y)

    def measured(
        self, measure: Callable[[Any], NDArray[np.float64]], positions: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """One number for each of some of the rows, which come into this process part by part."""
        nodes = self._parts.selected(positions).nodes
        return np.concatenate([np.empty(0), *(measure(compute([node])[0]) for node in nodes)])

    def behind(self, transformers: Sequence[Any]) -> RowsInParts:
        """All rows after fitted transformers, which the workers apply."""
        parts = self._parts
        for transformer in transformers:
            parts = parts.transformed(transformer)
        return RowsInParts(parts, self._y)

    @property
    def final_inputs(self) -> RowsInParts:
        """All rows."""
        return self


def _fit_to_parts(detector: Any, parts: Parts, y: Any) -> Any:
    steps = detector.steps if isinstance(detector, Pipeline) else [("", detector)]
    for _, step in steps[:-1]:
        if not hasattr(step, "transform"):  # None or "passthrough"
            continue
        _fit_step(step, parts, y)
        parts = parts.transformed(step)
    final = steps[-1][1]
    if _searches_shards(final):
        final.fit(parts.array(), y)
    else:
        _fit_step(final, parts, y)
    return detector


def _searches_shards(estimator: Any) -> bool:
    return is_over_shards(getattr(estimator, "algorithm", None))


def _fit_step(step: Any, parts: Parts, y: Any) -> None:
    if isinstance(step, FrozenEstimator):
        return
    plan = step.plan_sums(parts.head, parts.sizes, y) if hasattr(step, "plan_sums") else None
    if plan is not None:
        _fit_by_sums(plan, parts)
    elif isinstance(step, _BY_PARTS):
        _fit_by_parts(step, parts)
    elif getattr(step, "_learns_from_one_batch", False):
        step.fit(compute(parts.nodes[:1])[0])
    else:
        step.fit(_gathered(step, parts), y)


def _fit_by_sums(plan: Any, parts: Parts) -> None:
    """Fit by sums over each part, on the part's worker; neighbouring sums are merged in pairs."""
    part, merge = delayed(_sums_of_part, pure=False), delayed(_merged, pure=False)
    numbered = zip(parts.nodes, plan.arguments, strict=True)
    nodes = [part(plan.of_part, i, node, *more) for i, (node, more) in enumerate(numbered)]
    while len(nodes) > 1:
        pairs = [merge(a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=False)]
        nodes = pairs + nodes[2 * len(pairs) :]
    plan.finish(compute(nodes)[0])


def _sums_of_part(function: Any, number: int, rows: Any, *arguments: Any) -> Any:
    with naming_partition(number):
        return function(rows, *arguments)


def _merged(sums: Any, more: Any) -> Any:
    return sums.merged(more)


def _fit_by_parts(step: Any, parts: Parts) -> None:
    """Fit by one part after the other, each on its worker."""
    more = delayed(_fitted_further, pure=False)
    node = delayed(step)
    for part in parts.nodes:
        node = more(node, part)
    (fitted,) = compute([node])
    vars(step).update(vars(fitted))


def _fitted_further(step: Any, rows: Any) -> Any:
    from sklearn.base import clone

    fitted = clone(step)
    vars(fitted).update(vars(step))
    return fitted.partial_fit(rows)


def _gathered(step: Any, parts: Parts) -> Any:
    """All rows in this process, for a step that cannot be fitted in another way."""
    head = np.asarray(parts.head)
    needed = sum(parts.sizes) * (head.nbytes // len(head))
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise MemoryError(
            f"{type(step).__name__} has to be fitted to all rows in one process. The "
            f"{sum(parts.sizes)} rows take {needed / 1e9:.3g} GB, more than the process's "
            f"{there / 1e9:.3g} GB of memory. For a neighbour detector, algorithm=ShardedIndex() "
            "keeps the rows on the workers; fit other steps to a sample of the rows."
        )
    return parts.gathered()
