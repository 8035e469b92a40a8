"""Which axis of a layer's output holds the samples, and which the features."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from ._reduce import first_tensor

_CHANNELS_FIRST = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
_FEATURES_LAST = (
    *(nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase),
    *(nn.TransformerEncoderLayer, nn.TransformerDecoderLayer),
    *(nn.TransformerEncoder, nn.TransformerDecoder),
)


class Layout(NamedTuple):
    """The axes of a tensor."""

    batch_axis: int = 0
    channels_first: bool = True
    # whether another axis had as many entries as there are rows
    ambiguous: bool = False


class LayoutTracker:
    """Follows a forward pass: what a layer does not tell is as the last layer left it.

    A convolution leaves (n, channels, height, width); a linear layer, attention or a recurrent
    layer leaves (n, steps, features). An activation, or a block of layers, gives what the layer
    before it gave, if its output has as many axes and channels. Where nothing tells, three axes are
    taken for (n, steps, features) and more for (n, channels, ...).

    Parameters
    ----------
    n_rows : int
        Number of rows in the batch.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._left: tuple[int, int, bool] | None = None  # axes, channels, channels first

    def of_output(self, module: nn.Module, value: Any) -> Layout:
        """Layout of what a module gives."""
        tensor = first_tensor(value)
        if tensor is None:
            return Layout()
        channels_first = self._channels_first(module, tensor)
        if isinstance(module, _CHANNELS_FIRST + _FEATURES_LAST) and tensor.ndim > 2:
            channels = tensor.shape[1 if channels_first else -1]
            self._left = tensor.ndim, channels, channels_first
        return self._layout(module, tensor, channels_first)

    def of_input(self, module: nn.Module, value: Any) -> Layout:
        """Layout of what a module takes."""
        tensor = first_tensor(value)
        if tensor is None:
            return Layout()
        return self._layout(module, tensor, self._channels_first(module, tensor))

    def _channels_first(self, module: nn.Module, tensor: torch.Tensor) -> bool:
        if isinstance(module, _CHANNELS_FIRST):
            return True
        if isinstance(module, _FEATURES_LAST):
            return False
        if self._left is not None:
            n_axes, channels, channels_first = self._left
            axis = 1 if channels_first else -1
            if tensor.ndim == n_axes and tensor.shape[axis] == channels:
                return channels_first
        return tensor.ndim > 3

    def _layout(self, module: nn.Module, tensor: torch.Tensor, channels_first: bool) -> Layout:
        if tensor.ndim < 3:
            return Layout(0, channels_first)
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            return Layout(0 if module.batch_first else 1, channels_first)
        first, second = (size == self._n_rows for size in tensor.shape[:2])
        return Layout(int(second and not first), channels_first, ambiguous=first and second)
