"""Encoders and decoders: dense layers, or strided convolutions before them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

_KERNEL, _STRIDE, _PADDING = 3, 2, 1


class Autoencoder(nn.Module):
    """Encoder and decoder as one module; the decoder gets the encoder's output unchanged."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Reconstruct a batch in the shape of the batch."""
        return self.decoder(self.encoder(batch)).reshape(batch.shape)


def dense_encoder(
    input_shape: Sequence[int], hidden: Sequence[int], n_components: int
) -> nn.Sequential:
    """Dense layers of widths `hidden`, each with a ReLU, then a linear layer to the code."""
    widths = [math.prod(input_shape), *hidden, n_components]
    return nn.Sequential(nn.Flatten(), *_dense_layers(widths))


def dense_decoder(
    code_shape: Sequence[int], hidden: Sequence[int], input_shape: Sequence[int]
) -> nn.Sequential:
    """The dense encoder's mirror image."""
    widths = [math.prod(code_shape), *reversed(hidden), math.prod(input_shape)]
    layers = [nn.Flatten(), *_dense_layers(widths), nn.Unflatten(1, tuple(input_shape))]
    return nn.Sequential(*layers)


def conv_encoder(
    input_shape: Sequence[int], channels: Sequence[int], hidden: Sequence[int], n_components: int
) -> nn.Sequential:
    """Convolutions that halve height and width, each with a ReLU, then a dense encoder."""
    depths = [input_shape[0], *channels]
    layers: list[nn.Module] = []
    for before, after in pairwise(depths):
        layers += [_convolution(nn.Conv2d, before, after), nn.ReLU()]
    innermost = _map_shapes(input_shape, channels)[-1]
    return nn.Sequential(*layers, *dense_encoder(innermost, hidden, n_components))


def conv_decoder(
    code_shape: Sequence[int],
    hidden: Sequence[int],
    channels: Sequence[int],
    input_shape: Sequence[int],
) -> nn.Sequential:
    """The convolutional encoder's mirror image, exact also for odd heights and widths."""
    shapes = _map_shapes(input_shape, channels)[::-1]
    layers = [*dense_decoder(code_shape, hidden, shapes[0])]
    for before, after in pairwise(shapes):
        # Sides of 2 m - 1 and of 2 m are both halved to m. The padding tells them apart.
        extra = tuple(1 - side % _STRIDE for side in after[1:])
        unfold = _convolution(nn.ConvTranspose2d, before[0], after[0], output_padding=extra)
        layers += [nn.ReLU(), unfold]
    return nn.Sequential(*layers)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights of variance 2 / fan-in, and set biases to 0 (He et al. 2015, equation 10).

    The layers are built without weights, so that torch's global generator draws none.
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                bound = math.sqrt(6.0 / _fan_in(layer))
                layer.weight.uniform_(-bound, bound, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()


def _fan_in(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> float:
    """Number of inputs in the sum of one output value."""
    if isinstance(layer, nn.Linear):
        return layer.in_features
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels * _KERNEL**2
    # Each output position meets one in stride**2 positions of the kernel.
    return layer.in_channels * _KERNEL**2 / _STRIDE**2


def _dense_layers(widths: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [_uninitialised(nn.Linear, before, after), nn.ReLU()]
    return layers[:-1]  # the last layer is linear


def _convolution(kind: type[nn.Module], before: int, after: int, **options: object) -> nn.Module:
    return _uninitialised(kind, before, after, _KERNEL, stride=_STRIDE, padding=_PADDING, **options)


def _uninitialised(kind: type[nn.Module], *sizes: int, **options: object) -> nn.Module:
    # The user may have set another default dtype or device in torch.
    return torch.nn.utils.skip_init(kind, *sizes, dtype=torch.float32, device="cpu", **options)


def _map_shapes(input_shape: Sequence[int], channels: Sequence[int]) -> list[tuple[int, int, int]]:
    """Shapes of the input and of the maps after each convolution."""
    depth, height, width = input_shape
    shapes = [(depth, height, width)]
    for after in channels:
        height, width = (height + 1) // _STRIDE, (width + 1) // _STRIDE
        shapes.append((after, height, width))
    return shapes
