"""Training rows in shards, fetched by their positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from ..measures.lengths import row_norms
from ..neighbors.shards import Shard
from ._cluster import compute


class RowsInShards:
    """The training rows of a `ShardedIndex`: an indexing fetches only the selected rows."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self.shape: tuple[int, int] = index._source.shape
        self.dtype: np.dtype = index._source.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Any) -> NDArray:
        if isinstance(positions, slice):
            positions = np.arange(*positions.indices(len(self)))
        return self.take(np.asarray(positions))

    def take(self, positions: NDArray[np.intp], axis: int = 0) -> NDArray:
        """The rows at these positions, (*positions.shape, n_features)."""
        wanted, places = np.unique(positions, return_inverse=True)
        fetch = delayed(Shard.take, pure=False)
        parts = compute([fetch(shard, wanted) for shard in self._index.shards_()])
        return np.concatenate(parts).take(places.reshape(np.shape(positions)), axis=axis)


class NormsInShards:
    """The lengths of the rows of a `RowsInShards`."""

    def __init__(self, rows: RowsInShards) -> None:
        self._rows = rows

    def __getitem__(self, positions: Any) -> NDArray[np.float64]:
        positions = np.asarray(positions)
        norms = row_norms(self._rows.take(positions.ravel()))
        return norms.reshape(positions.shape)
