"""Dropout with masks that depend on a seed, a draw and a layer, but not on the batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from .._validation import parameter_error
from ._forward_watch import ForwardWatch, Side
from ._taps import Tap, find_taps

_BY_CHANNEL = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
_ALPHA = (nn.AlphaDropout, nn.FeatureAlphaDropout)
_KINDS = (nn.Dropout, *_BY_CHANNEL, nn.AlphaDropout)
# The left limit of SELU: minus its scale times its alpha (Klambauer et al. 2017, section 2).
_SATURATED = -1.0507009873554805 * 1.6732632423543772


def find_dropout(owner: object, module: nn.Module, forward: Callable[[int], Any]) -> list[Tap]:
    """A tap for each call of a dropout layer that drops; an error if there is none."""
    dropout_taps: list[Tap] = []
    if any(_is_active(part) for name, part in module.named_modules() if name):
        taps = find_taps(owner, module, "*", forward)
        dropout_taps = [tap for tap in taps if _is_active(module.get_submodule(tap.layer))]
    if not dropout_taps:
        allowed = (
            "a module that calls dropout layers with a probability above 0 (torch.nn.Dropout and "
            "its kinds; not dropout as a function, or inside recurrent or attention layers)"
        )
        raise parameter_error(owner, "module", allowed, type(module).__name__)
    return dropout_taps


class DropoutMasks:
    """Dropout by hooks in a module in evaluation mode.

    The dropout layers stay off and hooks apply the masks, so that all threads share one mode. Each
    mask is drawn for one sample and applies to all samples of a batch. The hooks exist from
    ``__enter__`` to ``__exit__``. They act only inside `run`, in its thread.
    """

    def __init__(self, seed: int, module: nn.Module, calls: Sequence[Tap]) -> None:
        self._seed = seed
        names = list(dict.fromkeys(tap.layer for tap in calls))
        layers = [module.get_submodule(name) for name in names]
        self._numbers = {id(layer): number for number, layer in enumerate(layers)}
        self._batch_axes = {
            (names.index(tap.layer), tap.call): tap.layout.batch_axis for tap in calls
        }
        self._draw = 0
        self._n_calls: dict[int, int] = {}
        self._watch = ForwardWatch(module, [], layers, self._dropped)

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.__exit__(*error)

    def run(self, draw: int, function: Callable[[Any], torch.Tensor], inputs: Any) -> torch.Tensor:
        """Call a function of inputs with the masks of one draw."""
        self._draw = draw
        self._n_calls.clear()
        return self._watch.run(lambda: function(inputs))

    def _dropped(self, layer: nn.Module, side: Side, values: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        number = self._numbers[id(layer)]
        call = self._n_calls[number] = self._n_calls.get(number, 0) + 1
        # A generator for each call: a layer that a draw skips does not change other masks.
        generator = np.random.default_rng([self._seed, self._draw, number, call])
        return dropped(layer, values, generator, self._batch_axes.get((number, call), 0))


def dropped(
    layer: Any, values: torch.Tensor, generator: np.random.Generator, batch_axis: int
) -> torch.Tensor:
    """Apply the dropout of a layer, with one mask for all samples.

    The mask is drawn on the host, so that all devices have the same one, and repeated along
    `batch_axis`.
    """
    if layer.p == 1:
        return torch.zeros_like(values)
    shape = list(values.shape)
    shape[batch_axis] = 1
    if isinstance(layer, _BY_CHANNEL):
        shape[2:] = [1] * len(shape[2:])
    keep = torch.from_numpy(generator.random(shape, dtype=np.float32) >= layer.p).to(values.device)
    if not isinstance(layer, _ALPHA):
        return values * (keep / (1.0 - layer.p)).to(values.dtype)
    # Keeps mean 0 and variance 1 (Klambauer et al. 2017, Self-normalizing networks, section 2).
    scale = 1.0 / math.sqrt((1.0 - layer.p) * (1.0 + layer.p * _SATURATED**2))
    shift = -scale * layer.p * _SATURATED
    return torch.where(keep, values, _SATURATED) * scale + shift


def _is_active(part: nn.Module) -> bool:
    return isinstance(part, _KINDS) and part.p > 0
