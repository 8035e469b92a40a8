"""The two halves of an autoencoder, built or given by the user, checked against each other."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn

from .._validation import parameter_error
from ._autoencoder_modules import (
    Autoencoder,
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
    initialise,
)


def build_autoencoder(
    owner: Any, sample: torch.Tensor, generator: torch.Generator, device: torch.device
) -> tuple[Autoencoder, tuple[int, ...]]:
    """The module to train, and the shape of one code.

    The owner's own modules are copied. One pass of `sample`, a few scaled rows, shows their output
    shapes. The generator draws the weights of built halves.
    """
    sample = sample.to(device)
    encoder = _copied(owner.encoder) or _built_encoder(owner, tuple(sample.shape[1:]), generator)
    encoder = encoder.to(device=device, dtype=torch.float32).eval()
    with torch.no_grad():
        code = encoder(sample)
    _check_output(owner, "encoder", code, len(sample), None)
    code_shape = tuple(code.shape[1:])
    decoder = _copied(owner.decoder) or _built_decoder(
        owner, code_shape, tuple(sample.shape[1:]), generator
    )
    decoder = decoder.to(device=device, dtype=torch.float32).eval()
    with torch.no_grad():
        reconstructed = decoder(code)
    _check_output(owner, "decoder", reconstructed, len(sample), math.prod(sample.shape[1:]))
    model = Autoencoder(encoder, decoder)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise parameter_error(owner, "encoder", "a module with weights to train", owner.encoder)
    return model, code_shape


def _copied(module: nn.Module | None) -> nn.Module | None:
    return None if module is None else copy.deepcopy(module)


def _built_encoder(
    owner: Any, input_shape: tuple[int, ...], generator: torch.Generator
) -> nn.Module:
    if owner.architecture == "conv":
        module = conv_encoder(input_shape, owner.channels, owner.hidden, owner.n_components)
    else:
        module = dense_encoder(input_shape, owner.hidden, owner.n_components)
    initialise(module, generator)
    return module


def _built_decoder(
    owner: Any,
    code_shape: tuple[int, ...],
    input_shape: tuple[int, ...],
    generator: torch.Generator,
) -> nn.Module:
    if owner.architecture == "conv":
        module = conv_decoder(code_shape, owner.hidden, owner.channels, input_shape)
    else:
        module = dense_decoder(code_shape, owner.hidden, input_shape)
    initialise(module, generator)
    return module


def _check_output(owner: Any, name: str, output: Any, n_rows: int, n_values: int | None) -> None:
    """Raise unless the output has a row of `n_values` (None: one or more) for each input row."""
    if isinstance(output, torch.Tensor):
        shape = tuple(output.shape)
        fits = len(shape) > 1 and shape[0] == n_rows and math.prod(shape) > 0
        if fits and n_values in (None, math.prod(shape[1:])):
            return
        got = f"a tensor of shape {shape}"
    else:
        got = f"a {type(output).__name__}"
    values = "its code" if n_values is None else f"{n_values} values"
    raise ValueError(
        f"The {name!r} parameter of {type(owner).__name__} must be a module that gives one tensor "
        f"with {values} for each row. Got {got} for {n_rows} rows instead."
    )
