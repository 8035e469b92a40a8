"""Finds rows that equal a training row in every feature, on the device of the training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ..measures.blocks import slices
from . import TensorRows
from .hashes import row_factors
from .lookup import RowLookup
from .place import is_in_tensor
from .rounded import RoundedRows

_BLOCK_VALUES = 1 << 24
_LOW = (1 << 32) - 1


def lookup_of(rows: Any) -> Any:
    """The lookup of equal training rows, on the device of the training rows."""
    return TensorLookup(rows) if is_in_tensor(rows) else RowLookup(rows)


class TensorLookup:
    """Positions of training rows by their values; the counterpart of `RowLookup`."""

    def __init__(self, rows: TensorRows) -> None:
        self.rows = rows
        self._hashes, self._order = self._hash(rows).sort(stable=True)

    def find(self, Q: TensorRows | NDArray[Any], *, rounded: bool = False) -> NDArray[np.intp]:
        """As `RowLookup.find`."""
        if rounded:
            if not hasattr(self, "_rounded"):
                self._rounded = RoundedRows(self.rows)
            return self._rounded.find(Q)
        torch = import_optional("torch", "torch")
        if not is_in_tensor(Q):
            Q = TensorRows(torch.from_numpy(np.array(Q)))
        Q = Q.to(self.rows.device)
        hashes = self._hash(Q)
        place = torch.searchsorted(self._hashes, hashes)
        end = torch.searchsorted(self._hashes, hashes, right=True)
        positions = torch.full_like(place, -1)
        rows = (place < end).nonzero()[:, 0]
        while len(rows):  # a second round only where other rows have the same hash
            candidates = self._order[place[rows]]
            equal = (self.rows.picked(candidates) == Q.picked(rows)).all(dim=1)
            positions[rows[equal]] = candidates[equal]
            rows = rows[~equal]
            place[rows] += 1
            rows = rows[place[rows] < end[rows]]
        return positions.cpu().numpy().astype(np.intp)

    def _hash(self, rows: TensorRows) -> Any:
        """The hashes of `row_hashes` as signed numbers: their products wrap around alike."""
        torch = import_optional("torch", "torch")
        factors = torch.from_numpy(row_factors(rows.shape[1], 0).view(np.int64).copy())
        factors = factors.to(rows.device)
        hashes = torch.empty(len(rows), dtype=torch.int64, device=rows.device)
        for part in slices(len(rows), _BLOCK_VALUES, each=rows.shape[1]):
            block = rows.on_device(part) + 0.0  # -0.0 becomes 0.0
            if block.dtype == torch.float64:
                bits = block.view(torch.int64)
                bits = bits ^ ((bits >> 32) & _LOW)
            else:
                bits = block.view(torch.int32).to(torch.int64) & _LOW
            bits = bits * factors
            bits = bits ^ ((bits >> 32) & _LOW)
            hashes[part] = (bits * factors).sum(dim=1)
        return hashes
