"""Derivatives of features with respect to the weights, batch by batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ._batches import InputMaker, Inputs
from ._collector import RowCollector
from ._extraction import Extraction, side_by_side
from ._feature_pass import DTYPES, collected
from ._gradient import differentiable
from ._movable_weights import (
    MovableWeights,
    Weights,
    derivative_of,
    forward_derivatives,
    needs_float64,
)


class TangentPass:
    """Calls of a `TangentFeatureTransformer` with a copy of its module.

    The module is on the device to compute on; other threads may use it meanwhile.
    `extraction` makes the features of a module's layers.
    """

    def __init__(
        self,
        owner: Any,
        module: nn.Module,
        device: torch.device,
        names: Sequence[str],
        extraction: Callable[[nn.Module], Extraction],
    ) -> None:
        self._owner, self._device, self._name = owner, device, type(owner).__name__
        module = copy.deepcopy(module)
        if needs_float64(module, device):
            module = module.double()
        self._make_inputs = InputMaker(module, DTYPES[owner.dtype], owner.input_shape, device)
        self._module = module
        self._movable = MovableWeights(module, names)
        self._weights = self._movable.weights
        self._extraction = extraction

    def random_direction(self, seed: int) -> Weights:
        """Independent standard normal numbers for all weights, alike on all devices."""
        generator = torch.Generator().manual_seed(seed)
        return {
            name: torch.randn(weight.shape, generator=generator).to(weight)
            for name, weight in self._weights.items()
        }

    def given_direction(self, direction: Mapping[str, Any]) -> Weights:
        """A user's direction, checked."""
        if not isinstance(direction, Mapping) or set(direction) != set(self._weights):
            raise ValueError(
                f"The direction must be a dict with the parameters {_listed(self._weights)}. "
                f"Got {_listed(direction)} instead."
            )
        checked = {}
        for name, weight in self._weights.items():
            value = torch.as_tensor(direction[name]).detach()
            if value.shape != weight.shape:
                raise ValueError(
                    f"The direction must have the shape {tuple(weight.shape)} for {name!r}. "
                    f"Got {tuple(value.shape)} instead."
                )
            checked[name] = value.to(weight)
        return checked

    def along(
        self,
        X: Any,
        directions: Callable[[], Iterator[Weights]],
        finish: Callable[[list[list[torch.Tensor]]], torch.Tensor],
    ) -> NDArray[Any]:
        """Rows that `finish` makes of the derivatives: a list of layers for each direction."""

        def write(batch: Any, n_full: int | None, collector: RowCollector) -> None:
            inputs = self._make_inputs(batch)
            slopes = []
            for direction in directions():
                with self._movable.moving(direction):
                    layers = features(_copied(inputs), n_full)
                    slopes.append([derivative_of(rows) for rows in layers])
            rows = finish(slopes)
            torch.from_numpy(collector.block(rows.shape)).copy_(rows)

        with forward_derivatives(), self._extraction(self._module).opened() as features:
            return collected(self._owner, X, self._name, write)

    def pulled_back(self, X: Any, cotangents: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """The gradient of the sum of all features times cotangents, by parameter."""

        def add(batch: Any, n_full: int | None, collector: RowCollector) -> None:
            rows = side_by_side(features(self._make_inputs(batch), n_full))
            factors = cotangents[collector.n_written :][: len(rows)]
            if factors.shape != rows.shape:
                raise ValueError(
                    "The cotangents must have a row for each sample and a column for each of "
                    f"{rows.shape[1]} features. Got shape {cotangents.shape} instead."
                )
            value = (rows * torch.as_tensor(factors).to(rows)).sum()
            if value.requires_grad:
                value.backward()
            collector.block((len(rows), 0))  # counts the samples

        with (
            differentiable(self._module, self._device),
            self._extraction(self._module).opened() as features,
            self._movable.with_gradients() as leaves,
        ):
            n_samples = len(collected(self._owner, X, self._name, add))
            if n_samples != len(cotangents):
                raise ValueError(
                    f"The cotangents must have a row for each of {n_samples} samples. "
                    f"Got {len(cotangents)} rows instead."
                )
            return {
                name: np.zeros(leaf.shape)
                if leaf.grad is None
                else leaf.grad.cpu().double().numpy()
                for name, leaf in leaves.items()
            }


def _copied(inputs: Inputs) -> Inputs:
    """A copy for one pass: the module may change its inputs in place."""
    if isinstance(inputs, dict):
        return {name: value.clone() for name, value in inputs.items()}
    return inputs.clone()


def _listed(names: Any) -> str:
    if not isinstance(names, Mapping):
        return repr(type(names).__name__)
    shown = [repr(name) for name in list(names)[:5]]
    return ", ".join([*shown, "..."] if len(names) > 5 else shown) or "an empty dict"
