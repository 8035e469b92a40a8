"""Graphs of Dask that score rows over shards: the stages of `skood.neighbors.shards` as tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..neighbors.shards import Shard, ShardStages


def staged(
    shards: Sequence[Delayed],
    state: Delayed,
    Q: Delayed,
    exclude: Any,
    *,
    fetches: bool,
) -> Delayed:
    """Node with the scores of a block of checked rows, and the number that did not converge.

    `exclude` has the positions of the rows if they are training rows; None if equal training rows
    have to be searched for. `fetches`: the stages fetch values from the shards after the merge.
    """
    # Pure, so that scores and decisions of a chunk search the shards once.
    ask, fetch = delayed(_ask, pure=True), delayed(_fetch, pure=True)
    answers = [ask(state, shard, Q) for shard in shards]
    merged = delayed(_merge, pure=True)(state, Q, exclude, answers)
    fetched = [fetch(state, shard, Q, merged) for shard in shards] if fetches else []
    return delayed(_score, pure=True, nout=2)(state, Q, merged, fetched)


def query_blocks(
    shards: Sequence[Delayed], sizes: Sequence[int], step: int
) -> Iterator[tuple[Delayed, NDArray[np.intp]]]:
    """Nodes with training rows, at most `step` of one shard each, and the rows' positions."""
    cut = delayed(_cut, pure=False)
    first = 0
    for shard, size in zip(shards, sizes, strict=True):
        for part in slices(size, step):
            positions = np.arange(first + part.start, first + part.stop)
            yield cut(shard, part.start, part.stop), positions
        first += size


def _cut(shard: Shard, start: int, stop: int) -> NDArray:
    return shard.rows[start:stop]


def _ask(stages: ShardStages, shard: Shard, Q: NDArray) -> Any:
    return stages.ask(shard, Q)


def _merge(stages: ShardStages, Q: NDArray, exclude: Any, answers: list[Any]) -> Any:
    return stages.merge(Q, exclude, answers)


def _fetch(stages: ShardStages, shard: Shard, Q: NDArray, merged: Any) -> Any:
    return stages.fetch(shard, Q, merged)


def _score(stages: ShardStages, Q: NDArray, merged: Any, fetched: list[Any]) -> tuple[NDArray, int]:
    return stages.score(Q, merged, fetched)
