"""Rows of a torch tensor, which stay on the device where it lives."""

from __future__ import annotations

import sys
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..measures.blocks import slices
from ._stored_rows import StoredRows

_BLOCK_VALUES = 1 << 24


class TensorRows(StoredRows):
    """Rows of a tensor.

    Parameters
    ----------
    tensor : torch.Tensor of shape (n, d)
        The rows, on any device. float16 and bfloat16 are read as float32, which holds all their
        values. torch pickles the tensor.
    """

    def __init__(self, tensor: Any) -> None:
        torch = sys.modules["torch"]
        narrow = (torch.float16, torch.bfloat16, torch.float32)
        kind = "float32" if tensor.dtype in narrow else str(tensor.dtype).removeprefix("torch.")
        origin = f"a tensor on {tensor.device}"
        super().__init__(tuple(tensor.shape), np.dtype(kind), origin)
        self._tensor = tensor.detach()

    @property
    def tensor(self) -> Any:
        """The rows on the device, in their type there."""
        return self._tensor

    @property
    def device(self) -> str:
        """The name of the device."""
        return str(self._tensor.device)

    def to(self, device: str) -> Self:
        """The rows on another device."""
        other = self._same()
        other._tensor = self._tensor.to(device)
        return other

    def on_device(self, part: slice) -> Any:
        """A tensor of some rows, in the type `dtype`."""
        torch = sys.modules["torch"]
        return self._tensor[part].to(getattr(torch, str(self.dtype)))

    def picked(self, positions: Any) -> Any:
        """A tensor of the rows at `positions`, a tensor on the same device."""
        torch = sys.modules["torch"]
        return self._tensor.index_select(0, positions).to(getattr(torch, str(self.dtype)))

    def part(self, rows: slice) -> Self:
        """Some of the rows, on the device."""
        other = self._same()
        other._tensor = self._tensor[rows]
        other.shape = tuple(other._tensor.shape)
        return other

    def joined(self, others: Any) -> TensorRows:
        """These rows and other rows after them, on this device."""
        torch = sys.modules["torch"]
        if not isinstance(others, TensorRows):
            others = TensorRows(torch.from_numpy(np.array(others)))
        parts = [rows.to(self.device).on_device(slice(None)) for rows in (self, others)]
        both = TensorRows(torch.cat(parts))
        both.finite = self.finite and others.finite
        return both

    def first_not_finite(self) -> int | None:
        """Position of the first row with NaN or infinity; the device looks for it."""
        for part in slices(len(self), _BLOCK_VALUES, each=self.shape[1]):
            finite = self.on_device(part).isfinite().all(dim=1)
            if not bool(finite.all()):
                return part.start + int((~finite).nonzero()[0, 0])
        return None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        rows = self.on_device(slice(None)).cpu().numpy()
        return np.array(rows, dtype=dtype, copy=copy)

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        return self.on_device(slice(start, stop)).cpu().numpy()

    def _block(self, start: int, stop: int) -> NDArray[Any]:
        return self._floats(self._read(start, stop))

    def _gather(self, positions: NDArray[np.intp], out: NDArray[Any]) -> None:
        torch = sys.modules["torch"]
        chosen = torch.from_numpy(np.array(positions)).to(self.device)
        out[:] = self.picked(chosen).cpu().numpy()


def is_tensor(X: Any) -> bool:
    """Whether X is a tensor of rows and columns. This does not load torch."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(X, torch.Tensor):
        return False
    return X.ndim == 2 and X.layout == torch.strided and not X.is_complex()
