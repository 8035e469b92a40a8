"""Lazy scores of Dask collections by a detector whose training rows lie in shards.

The graph itself combines chunks and shards: no task waits for tasks that it has started.
"""

from __future__ import annotations

import copy
from typing import Any

import dask.array as da
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from .._validation import pipeline_steps
from ..neighbors.shards import ShardStages, is_over_shards
from ._cluster import SharedState
from ._rows import check_part, is_frame, row_chunks
from ._score_blocks import OUTPUTS, naming_partition, series, series_of
from ._shard_graph import staged


def over_shards(estimator: Any) -> OverShards | None:
    """The parts of an estimator that scores over shards; None for any other estimator."""
    wrapper = None
    before, final = pipeline_steps(estimator)
    if hasattr(final, "detector_") and hasattr(final, "_calibration"):
        wrapper, (inner, final) = final, pipeline_steps(final.detector_)
        before += inner
    if not is_over_shards(getattr(final, "index_", None)):
        return None
    if wrapper is not None and hasattr(wrapper, "_ranked"):
        raise ValueError(
            f"ConformalOutlierDetector over shards needs method='split'. Got {wrapper.method_!r}."
        )
    return OverShards(before, final, wrapper)


class OverShards:
    """Transformers, a detector over shards, and a wrapper of its scores or None.

    A wrapper takes the scores of its `detector_`, as `ConformalOutlierDetector` does.
    """

    def __init__(self, before: list[Any], detector: Any, wrapper: Any) -> None:
        self.before = SharedState(before)
        self.index = detector.index_
        stages: ShardStages = detector.shard_stages()
        self.fetches = stages.fetches
        self.stages = SharedState(stages)
        decider = copy.copy(detector if wrapper is None else wrapper)
        for name in ("index_", "algorithm", "training_scores_", "training_indices_", "detector_"):
            vars(decider).pop(name, None)
        self.decider = SharedState(_Decider(decider, wrapper is not None))

    def map_rows(self, X: Any, method: str, options: dict[str, Any]) -> Any:
        """As `_score_blocks.map_rows`."""
        frame = is_frame(X)
        X = X if frame else row_chunks(X)
        columns = list(X.columns) if frame else None
        parts = X.to_delayed() if frame else X.to_delayed().ravel()
        nodes = [self._node(p, i, columns, method, options) for i, p in enumerate(parts)]
        if frame:
            return series_of(nodes, X, method)
        dtype, _ = OUTPUTS[method]
        return da.concatenate(
            [
                da.from_delayed(node, shape=(size,), dtype=dtype)
                for node, size in zip(nodes, X.chunks[0], strict=True)
            ]
        )

    def _node(
        self,
        part: Delayed,
        number: int,
        columns: list[Any] | None,
        method: str,
        options: dict[str, Any],
    ) -> Delayed:
        stages = self.stages.delayed()
        rows = delayed(_prepared, pure=True)(self.before.delayed(), stages, part, number, columns)
        scored = staged(self.index.shards_(), stages, rows, None, fetches=self.fetches)
        decide = delayed(_decided, pure=False)
        return decide(self.decider.delayed(), part, scored, method, options)


class _Decider:
    """Turns scores into decisions and p-values, as the detector or its wrapper does."""

    def __init__(self, estimator: Any, wraps: bool) -> None:
        self.estimator = estimator
        self.wraps = wraps

    def __call__(self, rows: Any, scores: NDArray, method: str, options: dict[str, Any]) -> NDArray:
        estimator, given = copy.copy(self.estimator), _Given(scores)
        if self.wraps:
            estimator.detector_ = given
        else:
            estimator.score_samples = given.score_samples
        return getattr(estimator, method)(rows, **options)


class _Given:
    """A detector that gives known scores."""

    def __init__(self, scores: NDArray) -> None:
        self.scores = scores

    def score_samples(self, X: Any) -> NDArray:  # noqa: ARG002
        return self.scores


def _prepared(
    before: list[Any], stages: ShardStages, rows: Any, number: int, columns: list[Any] | None
) -> NDArray:
    """Rows as the shards take them: after the transformers, and checked."""
    check_part(rows, columns, number)
    with naming_partition(number):
        for step in before:
            rows = step.transform(rows)
        return stages.checked(rows)


def _decided(
    decide: _Decider,
    rows: Any,
    scored: tuple[NDArray, int],
    method: str,
    options: dict[str, Any],
) -> Any:
    scores, n_failed = scored
    if n_failed:
        decide.estimator._warn_if_not_converged(n_failed, len(scores))
    values = decide(rows, scores, method, options)
    if not hasattr(rows, "columns"):
        return values
    return series(values, rows, method)
