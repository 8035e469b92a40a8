"""Linear layers that round a sample alike at any place of a batch.

Matrix products of few rows or columns have their own kernels. On processors of AMD, those of MKL
sum the products of a row in an order that depends on its address modulo 16 bytes. The order also
differs in the last rows if the number of rows is not a multiple of four. If the numbers of rows and
of inputs are multiples of four, all rows have the same order.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_LANES = 4  # float32 in 16 bytes
_WIDE = 16  # from 12 rows and columns on, products of float32 have other kernels


class AlignedForward:
    """The forward of a `torch.nn.Linear` that rounds a row alike at any place."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer
        self._n_inputs = layer.in_features
        self._more_inputs = -layer.in_features % _LANES
        self._is_wide = layer.out_features >= _WIDE
        self._padded: tuple[torch.Tensor, int, torch.Tensor] | None = None

    def __call__(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's name)
        weight, bias = self._layer.weight, self._layer.bias
        if not self._needs_padding(input):
            return functional.linear(input, weight, bias)
        rows = input.reshape(-1, self._n_inputs) if input.ndim > 2 else input
        n_rows = rows.shape[0]
        more_rows = -n_rows % _LANES
        rows = torch.constant_pad_nd(rows, (0, self._more_inputs, 0, more_rows))
        outputs = functional.linear(rows, self._padded_weight(weight), bias)
        if more_rows:
            outputs = outputs[:n_rows]
        return outputs.reshape(*input.shape[:-1], -1) if input.ndim > 2 else outputs

    def _needs_padding(self, rows: torch.Tensor) -> bool:
        if rows.layout is not torch.strided or rows.is_nested or not rows.is_cpu:
            return False
        n_first, has_gradient = rows.shape[0], rows.requires_grad
        is_double = rows.dtype is torch.float64
        if self._is_wide and n_first >= _WIDE and not (has_gradient or is_double):
            return False
        if self._more_inputs == 0 and n_first % _LANES == 0 and rows.is_contiguous():
            return rows.storage_offset() % _LANES != 0
        n_rows = n_first if rows.ndim == 2 else rows.shape[:-1].numel()
        if n_rows < 2 or rows.shape[-1] != self._n_inputs:
            return False  # a single row has one place; torch raises for a wrong width
        # The gradient's product has a column for each input.
        is_narrow = has_gradient and self._n_inputs < _WIDE
        return is_narrow or is_double or not self._is_wide or n_rows < _WIDE

    def _padded_weight(self, weight: torch.Tensor) -> torch.Tensor:
        if self._more_inputs == 0:
            return weight
        # Another thread may use a kept weight for gradients.
        is_inference = weight.is_inference() or torch.is_inference_mode_enabled()
        if is_inference or (weight.requires_grad and torch.is_grad_enabled()):
            return torch.constant_pad_nd(weight, (0, self._more_inputs))
        kept = self._padded
        if kept is None or kept[0] is not weight or kept[1] != weight._version:
            padded = torch.constant_pad_nd(weight, (0, self._more_inputs))
            kept = self._padded = weight, weight._version, padded
        return kept[2]

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle of a module that another thread is using gets torch's forward.
        return _own_forward, (self._layer,)


def _own_forward(layer: nn.Module) -> MethodType:
    return MethodType(type(layer).forward, layer)


def align(module: nn.Module) -> None:
    """Give a module the aligned forward if it has that of `torch.nn.Linear`."""
    if isinstance(module, nn.Linear) and (
        getattr(module.forward, "__func__", None) is nn.Linear.forward
    ):
        module.__dict__["forward"] = AlignedForward(module)


def unalign(module: nn.Module) -> None:
    """Remove the aligned forward."""
    if isinstance(module.__dict__.get("forward"), AlignedForward):
        del module.__dict__["forward"]
