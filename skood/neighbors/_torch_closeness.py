"""Closeness of queries to training rows on a device that torch has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ._candidates import Candidates
from ._closeness import rounding_error, safe_length, unit_and_centre
from ._torch_precision import full_precision

_BLOCK_BYTES = 1 << 28  # of closeness on the device at a time


class TorchReference:
    """Training rows on a device, ready for the product; the counterpart of `ClosenessReference`.

    The product is in float32 whatever the rows are: it only finds candidates, with its rounding
    error bounded, and their distances are computed on the host from the rows as given.
    """

    def __init__(self, rows: NDArray, device: str) -> None:
        self.rows = rows
        self.device = device
        self.product_dtype = np.dtype(np.float32)
        self._to_device()

    def _to_device(self) -> None:
        torch = import_optional("torch", "torch", needed_by=f"device={self.device!r}")
        self.relative_error = rounding_error(self.rows.shape[1], np.dtype(np.float32))
        # In float32's range, also for float64 rows.
        self.unit, self.centre = unit_and_centre(self.rows, np.dtype(np.float32))
        centred = self.centred(self.rows)
        squares = np.einsum("ij,ij->i", centred, centred)
        self.length = float(np.sqrt(squares.max()))
        self._right = torch.from_numpy(centred).to(self.device)
        self._half_squares = torch.from_numpy(0.5 * squares).to(self.device)

    def extended(self, rows: NDArray) -> TorchReference:
        """The reference of more rows, of which the first are those of this one."""
        return TorchReference(rows, self.device)

    def __getstate__(self) -> dict[str, Any]:
        # What lies on the device belongs to this process; another one makes it anew from the rows.
        return {"rows": self.rows, "device": self.device, "product_dtype": self.product_dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._to_device()

    def centred(self, rows: NDArray) -> NDArray[np.float32]:
        """Rows with the centre taken off, in units that float32 holds."""
        return ((rows - self.centre) / rows.dtype.type(self.unit)).astype(np.float32)

    def largest_safe_length(self) -> float:
        """Queries further from the centre than this are not for the product."""
        return safe_length(self.length, np.dtype(np.float32))

    def dtype_for(self, n_queries: int) -> np.dtype:  # noqa: ARG002
        """Type of the product."""
        return self.product_dtype

    def use_full_precision(self) -> None:
        """Stay in float32: not all devices have more, and those that have are slow at it."""

    def shared_blocks(self, n_readers: int) -> None:
        """Nothing to share: the centred rows are on the device."""

    def feed(
        self,
        Q: NDArray,
        lengths: NDArray[np.float64],
        candidates: Candidates,
        shared: object,  # noqa: ARG002
        product: object,  # noqa: ARG002
    ) -> Iterator[int]:
        """Hand over candidates, a block at a time; how many training rows have passed by."""
        torch = import_optional("torch", "torch")
        error = self.relative_error * (lengths * self.length + self.length**2)
        left = torch.from_numpy(self.centred(Q)).to(self.device)
        margin = torch.from_numpy(error.astype(np.float32)).to(self.device)[:, None]
        best = torch.full((len(Q), candidates.k), -torch.inf, device=self.device)
        columns = max(1, _BLOCK_BYTES // (4 * len(Q)))
        for start in range(0, len(self.rows), columns):
            block = slice(start, start + columns)
            with full_precision(torch):
                closeness = left @ self._right[block].T
            closeness -= self._half_squares[block]
            top = closeness.topk(min(candidates.k, closeness.shape[1]), dim=1).values - margin
            best = torch.cat([best, top], dim=1).topk(candidates.k, dim=1).values
            found = (closeness >= best[:, -1:] - margin).nonzero()
            values = closeness[found[:, 0], found[:, 1]].cpu().numpy()
            q_rows, x_rows = found.cpu().numpy().astype(np.intp).T
            candidates.extend(q_rows, x_rows + start, values, error.astype(np.float32)[q_rows])
            yield start + closeness.shape[1]
