"""The axes of samples and of features in a layer's output."""

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
    """The axes of samples and of features in a tensor."""

    batch_axis: int = 0
    channels_first: bool = True
    # whether two axes have as many entries as the batch has rows
    ambiguous: bool = False


class LayoutTracker:
    """Finds the layouts of tensors in a forward pass, from the types of layers.

    A convolution leaves (n, channels, height, width). A linear, attention or recurrent layer leaves
    (n, steps, features). An activation, or a block of layers, keeps the layout of the last such
    layer if its output has as many axes and channels. Otherwise, three axes are read as
    (n, steps, features) and more as (n, channels, ...).
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        # of the last layer whose type tells: axes, channels, channels first
        self._last: tuple[int, int, bool] | None = None

    def of_output(self, module: nn.Module, value: Any) -> Layout:
        """Layout of a module's output."""
        tensor = first_tensor(value)
        if tensor is None:
            return Layout()
        channels_first = self._channels_first(module, tensor)
        if isinstance(module, _CHANNELS_FIRST + _FEATURES_LAST) and tensor.ndim > 2:
            channels = tensor.shape[1 if channels_first else -1]
            self._last = tensor.ndim, channels, channels_first
        return self._layout(module, tensor, channels_first)

    def of_input(self, module: nn.Module, value: Any) -> Layout:
        """Layout of a module's input."""
        tensor = first_tensor(value)
        if tensor is None:
            return Layout()
        return self._layout(module, tensor, self._channels_first(module, tensor))

    def _channels_first(self, module: nn.Module, tensor: torch.Tensor) -> bool:
        if isinstance(module, _CHANNELS_FIRST) or _norms_channels(module, tensor):
            return True
        if isinstance(module, _FEATURES_LAST):
            return False
        if self._last is not None:
            n_axes, channels, channels_first = self._last
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


def _norms_channels(module: nn.Module, tensor: torch.Tensor) -> bool:
    """Whether a subclass of a norm over the last axis takes (n, channels, height, width) instead.

    timm and torchvision have such a ``LayerNorm2d``, which moves the channels to the end and back.
    """
    if type(module) in (nn.LayerNorm, nn.RMSNorm) or not isinstance(
        module, nn.LayerNorm | nn.RMSNorm
    ):
        return False
    width = module.normalized_shape[-1]
    return tensor.ndim == 4 and tensor.shape[1] == width != tensor.shape[-1]
