"""Candidates on a device of torch, and the nearest of them by distances in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ..measures.blocks import slices
from ..rows import TensorRows
from ._tensor_lengths import scaled_tensor_lengths

_CUDA_BYTES, _OTHER_BYTES = 1 << 28, 1 << 26  # of differences at a time
_SMALLEST = 1e-140  # below this a square may have lost digits to the smallest float


class TensorPairs:
    """Pairs of query and training row, with their closeness."""

    def __init__(self, torch: Any, device: str) -> None:
        self._torch = torch
        empty = torch.empty(0, dtype=torch.int64, device=device)
        self.q_rows, self.x_rows = empty, empty
        self._values = empty.to(torch.float32)
        self._parts: list[tuple[Any, Any, Any]] = []
        self._n_new = 0

    def __len__(self) -> int:
        return len(self.q_rows) + self._n_new

    def extend(self, q_rows: Any, x_rows: Any, values: Any) -> None:
        """Add pairs."""
        self._parts.append((q_rows, x_rows, values))
        self._n_new += len(q_rows)

    def drop(self, bound: Any) -> None:
        """Drop the pairs whose closeness is below the bound of their query."""
        parts = [(self.q_rows, self.x_rows, self._values), *self._parts]
        q_rows, x_rows, values = map(self._torch.cat, zip(*parts, strict=True))
        kept = values >= bound[q_rows]
        self.q_rows, self.x_rows, self._values = q_rows[kept], x_rows[kept], values[kept]
        self._parts, self._n_new = [], 0


class TensorBest:
    """The k nearest so far of each query, nearest first; ties are in the order of training.

    Queries are in float64, and divided by their lengths for the cosine, as rows are by `norms`.
    """

    def __init__(self, rows: TensorRows, norms: Any, queries: Any, k: int) -> None:
        self._torch = torch = import_optional("torch", "torch")
        self.k = k
        self._rows, self._norms, self._queries = rows, norms, queries
        m, device = len(queries), queries.device
        self._distances = torch.full((m, k), torch.inf, dtype=torch.float64, device=device)
        self._indices = torch.full((m, k), len(rows), dtype=torch.int64, device=device)

    def add(self, q_rows: Any, x_rows: Any) -> None:
        """Add pairs that are not among the nearest yet."""
        torch = self._torch
        if not len(q_rows):
            return
        old_q, place = (self._indices < len(self._rows)).nonzero().T
        q = torch.cat([old_q, q_rows])
        x = torch.cat([self._indices[old_q, place], x_rows])
        distances = torch.cat([self._distances[old_q, place], self._pair_distances(q_rows, x_rows)])
        order = x.argsort(stable=True)
        order = order[distances[order].argsort(stable=True)]
        order = order[q[order].argsort(stable=True)]
        q, x, distances = q[order], x[order], distances[order]
        starts = torch.searchsorted(q, torch.arange(len(self._queries), device=q.device))
        rank = torch.arange(len(q), device=q.device) - starts[q]
        first = (rank < self.k).nonzero()[:, 0]
        q, rank = q[first], rank[first]
        self._indices[q, rank] = x[first]
        self._distances[q, rank] = distances[first]

    def on_host(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Indices and distances as arrays."""
        indices = self._indices.cpu().numpy().astype(np.intp, copy=False)
        return indices, self._distances.cpu().numpy()

    def _pair_distances(self, q_rows: Any, x_rows: Any) -> Any:
        """Distances of the pairs in float64, in blocks."""
        size = _CUDA_BYTES if q_rows.device.type == "cuda" else _OTHER_BYTES
        distances = [
            self._norms_of_differences(q_rows[part], x_rows[part])
            for part in slices(len(q_rows), size, each=8 * self._rows.shape[1])
        ]
        return self._torch.cat(distances)

    def _norms_of_differences(self, q_rows: Any, x_rows: Any) -> Any:
        rows = self._rows.picked(x_rows)  # only the difference is in float64: less to read
        if self._norms is not None:
            rows = rows / self._norms[x_rows, None]
        difference = self._queries.index_select(0, q_rows)
        difference -= rows
        norms = self._torch.linalg.vector_norm(difference, dim=1)
        lost = (~((norms > _SMALLEST) & norms.isfinite())).nonzero()[:, 0]
        if len(lost):  # their squares overflow or vanish in float64
            norms[lost] = scaled_tensor_lengths(difference[lost])
        return norms
