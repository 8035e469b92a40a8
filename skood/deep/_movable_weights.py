"""Weights of a module as tensors that can be moved, for derivatives with respect to them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import torch
import torch.autograd.forward_ad as forward_ad
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ._fused_layers import parts_called

Weights = dict[str, torch.Tensor]


class MovableWeights:
    """The named parameters of a module, which this object changes: give it a copy.

    A parameter that several layers share has one name, the first in `named_parameters`.
    """

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        module.requires_grad_(False)
        wanted = {name: p for name, p in module.named_parameters() if name in names}
        places = {
            name: [
                (part, attribute)
                for part in module.modules()
                for attribute, value in part._parameters.items()
                if value is parameter
            ]
            for name, parameter in wanted.items()
        }
        for part, attribute in (place for shared in places.values() for place in shared):
            del part._parameters[attribute]  # a plain tensor takes its place
        self._places = places
        self.weights = {name: parameter.detach() for name, parameter in wanted.items()}
        self._set(self.weights)

    @contextmanager
    def moving(self, direction: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Forward derivatives along a direction in the weights, for a block in a dual level."""
        with self._replaced(
            {
                name: forward_ad.make_dual(weight, direction[name])
                for name, weight in self.weights.items()
            }
        ):
            yield

    @contextmanager
    def with_gradients(self) -> Iterator[Weights]:
        """Weights that collect gradients, for a block."""
        leaves = {name: weight.clone().requires_grad_() for name, weight in self.weights.items()}
        with self._replaced(leaves):
            yield leaves

    @contextmanager
    def _replaced(self, weights: Weights) -> Iterator[None]:
        try:
            self._set(weights)
            yield
        finally:
            self._set(self.weights)

    def _set(self, weights: Weights) -> None:
        for name, weight in weights.items():
            for part, attribute in self._places[name]:
                setattr(part, attribute, weight)


def needs_float64(module: nn.Module, device: torch.device) -> bool:
    """Whether torch has forward derivatives of a module in float64 only: recurrent, on a CPU."""
    return device.type == "cpu" and any(isinstance(m, nn.RNNBase) for m in module.modules())


@cache
def _load_derivatives() -> None:
    """Let torch warn of its own deprecated code, at the first derivative of a process, unheard."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


@contextmanager
def forward_derivatives() -> Iterator[None]:
    """A dual level, in which attention and encoder layers take steps that have derivatives."""
    _load_derivatives()
    with (
        torch.inference_mode(mode=False),
        torch.no_grad(),
        parts_called(),
        sdpa_kernel(SDPBackend.MATH),
        forward_ad.dual_level(),
    ):
        yield


def derivative_of(rows: torch.Tensor) -> torch.Tensor:
    """The forward derivative of rows; zeros if no moved weight has a part in them."""
    slope = forward_ad.unpack_dual(rows).tangent
    return torch.zeros_like(rows) if slope is None else slope
