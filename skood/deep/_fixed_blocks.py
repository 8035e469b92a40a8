"""Forward passes over rows in blocks of one size: a row has the same output in any batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..measures.blocks import slices
from ._evaluation_mode import evaluation_mode

BLOCK_ROWS = 64


def forward_blocks(
    module: nn.Module,
    X: NDArray,
    *,
    prepare: Callable[[NDArray], NDArray[np.float32]],
    shape: Sequence[int],
    device: torch.device,
) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
    """Apply a module to blocks of rows: positions, prepared rows, and flattened outputs of each.

    The size of a batch changes the rounding of a matrix product, and a later detector would not
    recognise a training row. So each block has the same number of rows: copies of a row pad the
    last one. `shape` is that of one row for the module.
    """
    with evaluation_mode(module):
        for part in slices(len(X), BLOCK_ROWS):
            block = prepare(X[part])
            yield part, block, _outputs(module, block, shape, device)


def _outputs(
    module: nn.Module, block: NDArray[np.float32], shape: Sequence[int], device: torch.device
) -> NDArray[np.float32]:
    n_rows = len(block)
    with torch.inference_mode():
        # Rounding may depend on the alignment of memory, which is always the same in torch's.
        filled = torch.empty((BLOCK_ROWS, block.shape[1]), dtype=torch.float32, device="cpu")
        filled[:n_rows] = torch.from_numpy(block)
        filled[n_rows:] = filled[0]
        outputs = module(filled.reshape(BLOCK_ROWS, *shape).to(device))
        return outputs[:n_rows].flatten(1).cpu().numpy()
