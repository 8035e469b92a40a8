"""A Dask collection as parts: one node of the graph for each chunk or partition, of known size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from .._optional import import_optional
from .._validation import select_rows
from ._cluster import SharedState, compute
from ._rows import FLOATS, check_part, is_frame, row_chunks

_HEAD = 2  # number of rows to learn the type and width of a step's output


class Parts(NamedTuple):
    """Rows in parts, each checked when it is computed, and the first few rows of all."""

    nodes: list[Delayed]
    sizes: list[int]
    head: Any

    @classmethod
    def of(cls, X: Any) -> Parts:
        """The chunks of an array, or the partitions of a frame with their counted sizes."""
        check = delayed(_checked, pure=False)
        if is_frame(X):
            columns = list(X.columns)
            nodes = [check(part, i, columns) for i, part in enumerate(X.to_delayed())]
            *sizes, head = compute([*map(delayed(len), nodes), delayed(_first_rows)(nodes[0])])
            return cls(nodes, sizes, head)
        X = row_chunks(X)
        nodes = [check(part, i, None) for i, part in enumerate(X.to_delayed().ravel())]
        (head,) = compute([delayed(_first_rows)(nodes[0])])
        return cls(nodes, [int(size) for size in X.chunks[0]], head)

    def transformed(self, step: Any) -> Parts:
        """The parts after a fitted transformer."""
        state = SharedState(step).delayed()
        transform = delayed(_transformed, pure=False)
        nodes = [transform(state, node) for node in self.nodes]
        return Parts(nodes, self.sizes, step.transform(self.head))

    def selected(self, positions: NDArray[np.intp]) -> Parts:
        """The rows at ascending positions, in the parts that have some of them."""
        ends = np.cumsum([0, *self.sizes])
        select = delayed(select_rows, pure=False)
        nodes, sizes = [], []
        for node, start, stop in zip(self.nodes, ends[:-1], ends[1:], strict=True):
            inside = positions[np.searchsorted(positions, start) : np.searchsorted(positions, stop)]
            if len(inside):
                nodes.append(node if len(inside) == stop - start else select(node, inside - start))
                sizes.append(len(inside))
        return Parts(nodes, sizes, self.head)

    def array(self, name: str | None = None) -> da.Array:
        """The rows as one Dask array of float32 or float64, (n_samples, n_features).

        Dask takes two arrays with the same `name` for the same array.
        """
        head = np.asarray(self.head)
        dtype = head.dtype if head.dtype in FLOATS else np.dtype(np.float64)
        as_array = delayed(np.ascontiguousarray, pure=False)
        return da.concatenate(
            [
                da.from_delayed(
                    as_array(node, dtype=dtype),
                    shape=(size, *head.shape[1:]),
                    dtype=dtype,
                    name=None if name is None else f"{name}-{number}",
                )
                for number, (node, size) in enumerate(zip(self.nodes, self.sizes, strict=True))
            ]
        )

    def frame(self, X: Any) -> Any:
        """The rows as a Dask frame like X."""
        return import_optional("dask.dataframe", "dask").from_delayed(self.nodes, meta=X._meta)

    def gathered(self) -> Any:
        """All rows in this process, as an array or a frame."""
        parts = compute(self.nodes)
        if hasattr(self.head, "columns"):
            return import_optional("pandas", "dask").concat(parts)
        return np.concatenate(parts)

    def map(self, function: Callable[..., Any], *arguments: Any) -> list[Delayed]:
        """One node for each part, which calls the function on it."""
        call = delayed(function, pure=False)
        return [call(node, *arguments) for node in self.nodes]


def _checked(rows: Any, number: int, columns: list[Any] | None) -> Any:
    check_part(rows, columns, number)
    return rows


def _first_rows(rows: Any) -> Any:
    return rows[:_HEAD]


def _transformed(step: Any, rows: Any) -> Any:
    return step.transform(rows)
