"""Training rows in shards on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import dask.array as da
import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from .._validation import check_int, parameter_error
from ..measures.blocks import slices
from ..neighbors import ExactIndex, NeighborIndex, Neighbors
from ..neighbors.shards import IndexOverShards, Shard, ShardAnswer, ShardStages, first_equal
from ..neighbors.shards import merge_neighbors as merge
from ._cluster import SharedState, compute, inside_worker, is_alive, persist
from ._rows import is_array
from ._rows_in_shards import NormsInShards, RowsInShards
from ._shard_graph import query_blocks, staged
from ._training_rows import check_memory, training_rows

_QUERY_BLOCK = 8192  # queries of a task


class ShardedIndex(IndexOverShards):
    """Index whose training rows lie in shards, each with its own index on a Dask worker.

    A query searches all shards and keeps the k nearest rows of their answers. With exact shards the
    neighbours, their order and their distances equal those of one index over all rows, even if rows
    tie or equal each other across shards.

    `fit` builds the shards from its rows and keeps them on the workers. If a worker is lost, Dask
    builds its shards again from these rows.

    Parameters
    ----------
    index : "exact" or index object, default="exact"
        The index of each shard: "exact" for ``ExactIndex()``, or an index of `skood.neighbors`,
        which is cloned. Its metric is the metric of the whole index.
    n_shards : int or None, default=None
        Number of shards, of about equal size. None: each chunk of the Dask array is a shard; rows
        in memory become one shard for each worker (without a cluster, for each processor).

    Attributes
    ----------
    training_rows_ : array-like of shape (n_samples, n_features)
        The training rows, which stay on the workers: indexing by positions fetches these rows.
    shard_sizes_ : tuple of int
        Number of rows of each shard.
    n_samples_fit_ : int
        Number of training rows.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    Without a cluster the shards are in this process, and Dask's threads search them.

    A shard must fit into the memory of a worker, and a search needs more memory for its blocks.

    A pickle holds the Dask collection of the training rows; loading builds the shards again.
    `skood.save` refuses training rows that are elsewhere.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> from skood.parallel import ShardedIndex
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> index = ShardedIndex(n_shards=3)
    >>> detector = KNNOutlierDetector(algorithm=index).fit(da.from_array(X, chunks=(100, 2)))
    >>> detector.predict([[0.0, 0.0], [6.0, 6.0]])
    array([ 1, -1])
    >>> unsharded = KNNOutlierDetector(algorithm="exact").fit(X)
    >>> bool((detector.score_samples(X) == unsharded.score_samples(X)).all())
    True
    """

    training_rows_: Any
    row_norms_: Any
    _shards: Sequence[Delayed] | None

    def __init__(self, index: str | NeighborIndex = "exact", *, n_shards: int | None = None):
        self.index = index
        self.n_shards = n_shards

    @property
    def metric(self) -> str:
        """The metric of the shards' index."""
        return getattr(self.index, "metric", "euclidean")

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Store the training rows: each worker builds the indexes of its shards.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like, (n_samples, n_features)
            The training rows. Each chunk of an array must have a known number of rows.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted index.

        Raises
        ------
        ValueError
            If a parameter is not valid, or if a chunk of X is empty, has an unknown size, or holds
            NaN or infinity: the error names the partition.
        MemoryError
            If the memory of the workers cannot hold the rows, or one worker cannot hold a shard.
        RuntimeError
            If the cluster has no workers.
        """
        self._check_parameters()
        rows = self.check_rows(self, X)
        self._name, n = rows.name, rows.shape[0]
        if self.n_shards is not None:
            edges = np.linspace(0, n, min(self.n_shards, n) + 1).astype(int)
            rows = rows.rechunk({0: tuple(int(b - a) for a, b in pairwise(edges))})
        check_memory(rows)
        self._source = rows
        self.shard_sizes_ = tuple(int(size) for size in rows.chunks[0])
        self.n_samples_fit_ = n
        self._shards = None
        self.training_rows_ = RowsInShards(self)
        self.row_norms_ = None if self.metric == "euclidean" else NormsInShards(self.training_rows_)
        compute([delayed(len)(shard) for shard in self.shards_()])  # raises the errors of a shard
        return self

    def check_rows(self, owner: BaseEstimator, X: Any) -> da.Array:
        """The training rows as a Dask array; the owner learns their width and names.

        Parameters
        ----------
        owner : estimator
            The detector or index that is fitted on the rows.
        X : dask.array.Array, dask.dataframe.DataFrame or array-like, (n_samples, n_features)
            The rows.

        Returns
        -------
        dask.array.Array
            Of shape (n_samples, n_features), float32 or float64, one chunk wide. Each chunk is
            checked when it is computed.
        """
        self._check_parameters()
        fewest = 1 if owner is self else 2
        return training_rows(owner, X, n_shards=self.n_shards, min_samples=fewest)

    def is_fitted_on(self, X: Any) -> bool:
        """Whether the index already holds these rows, by their name in Dask."""
        return is_array(X) and getattr(self, "_name", None) == X.name

    def query_training(self, k: int, rows: NDArray[np.intp] | None = None) -> Neighbors:
        """Find the k nearest other training rows of training rows.

        Parameters
        ----------
        k : int
            Number of neighbours, less than the number of training rows.
        rows : array-like of int of shape (m,), optional
            Positions of the training rows to search for; all of them by default.

        Returns
        -------
        Neighbors
            ``(indices, distances)``, both of shape (m, k). A row is never its own neighbour.
        """
        check_is_fitted(self)
        if rows is not None:
            rows = np.asarray(rows, dtype=np.intp)
            return self.answer(self.training_rows_[rows], k, rows)
        check_int("ShardedIndex.query_training", "k", k, 1, self.n_samples_fit_ - 1)
        blocks = query_blocks(self.shards_(), self.shard_sizes_, _QUERY_BLOCK)
        return self._joined([self._search_shards(rows, k, exclude) for rows, exclude in blocks])

    def answer(self, Q: NDArray[Any], k: int, exclude: NDArray[np.intp] | None) -> Neighbors:
        """Find neighbours as `query` does, for checked rows."""
        left_out = exclude is not None and bool((exclude >= 0).any())
        check_int("ShardedIndex.query", "k", k, 1, self.n_samples_fit_ - left_out)
        if len(Q) == 0:
            return Neighbors(np.empty((0, k), dtype=np.intp), np.empty((0, k)))
        if exclude is None:
            exclude = np.full(len(Q), -1)
        return self._joined(
            [
                self._search_shards(delayed(Q[part], traverse=False), k, exclude[part])
                for part in slices(len(Q), _QUERY_BLOCK)
            ]
        )

    def find_equal(self, Q: NDArray[Any], *, rounded: bool = False) -> NDArray[np.intp]:
        """Position of a training row that equals each row of Q in every feature, -1 for none."""
        node = delayed(Q, traverse=False)
        find = delayed(Shard.find_equal, pure=False)
        return first_equal(
            compute([find(shard, node, rounded=rounded) for shard in self.shards_()])
        )

    def run(
        self, stages: ShardStages, Q: NDArray[Any], exclude: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.float64], int]:
        """Scores of checked rows over all shards, and the number that did not converge."""
        shards, state = self.shards_(), SharedState(stages).delayed()
        scored = compute(
            [
                staged(
                    shards,
                    state,
                    delayed(Q[part], traverse=False),
                    None if exclude is None else exclude[part],
                    fetches=stages.fetches,
                )
                for part in slices(len(Q), _QUERY_BLOCK)
            ]
        )
        scores, n_failed = zip(*scored, strict=True)
        return np.concatenate(scores), sum(n_failed)

    def run_training(self, stages: ShardStages) -> NDArray[np.float64]:
        """Scores of all training rows, each with itself left out."""
        shards, state = self.shards_(), SharedState(stages).delayed()
        blocks = query_blocks(shards, self.shard_sizes_, _QUERY_BLOCK)
        scores = compute(
            [staged(shards, state, *block, fetches=stages.fetches)[0] for block in blocks]
        )
        return np.concatenate(scores)

    def shards_(self) -> Sequence[Delayed]:
        """The shards as nodes of a Dask graph, kept on the workers; lost shards are built again."""
        if inside_worker():
            raise RuntimeError(
                "A ShardedIndex can't be searched from a task. DaskOutlierDetector takes a "
                "ShardedIndex only in a detector, a Pipeline or a ConformalOutlierDetector."
            )
        if self._shards is None or not all(map(is_alive, self._shards)):
            starts = np.cumsum([0, *self.shard_sizes_[:-1]])
            build = delayed(_build_shard, pure=False)
            blocks = self._source.to_delayed()[:, 0]
            inner = ExactIndex() if self.index == "exact" else clone(self.index)
            self._shards = persist(
                [
                    build(int(start), inner, block)
                    for start, block in zip(starts, blocks, strict=True)
                ]
            )
        return self._shards

    def _search_shards(self, rows: Any, k: int, exclude: NDArray[np.intp]) -> Delayed:
        search = delayed(Shard.nearest, pure=False)
        answers: list[ShardAnswer] = [search(shard, rows, k + 1) for shard in self.shards_()]
        return delayed(merge, pure=False)(answers, k, exclude, self.metric)

    @staticmethod
    def _joined(blocks: Sequence[Delayed]) -> Neighbors:
        indices, distances = zip(*compute(blocks), strict=True)
        return Neighbors(np.concatenate(indices), np.concatenate(distances))

    def _check_parameters(self) -> None:
        single = isinstance(self.index, NeighborIndex) and not isinstance(self.index, ShardedIndex)
        if not single and not (isinstance(self.index, str) and self.index == "exact"):
            raise parameter_error(
                self, "index", "'exact' or an index of skood.neighbors", self.index
            )
        check_int(self, "n_shards", self.n_shards, 1, or_none=True)

    def _build(self) -> None:
        """Nothing to build: each shard has its own structure."""

    def _search(self, *args: Any) -> Any:
        """The shards are searched by `answer`."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_shards" in state:
            state["_shards"] = None  # a cluster keeps them: a loaded index builds them again
        return state


def _build_shard(start: int, index: NeighborIndex, rows: NDArray[Any]) -> Shard:
    return Shard(start, clone(index).fit(rows))
