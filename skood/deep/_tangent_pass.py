"""Derivatives of features with respect to the weights, batch by batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ._batches import InputMaker, Inputs, open_batches
from ._collector import BatchProgress, RowCollector
from ._extraction import Extraction, side_by_side
from ._feature_pass import DTYPES
from ._gradient import differentiable
from ._movable_weights import (
    MovableWeights,
    Weights,
    derivative_of,
    forward_derivatives,
    needs_float64,
)

Features = Callable[[Inputs, int | None], list[torch.Tensor]]


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
        self._owner, self._device = owner, device
        module = copy.deepcopy(module)
        if needs_float64(module, device):
            module = module.double()
        self._make_inputs = InputMaker(module, DTYPES[owner.dtype], owner.input_shape, device)
        self._types = {name: p.dtype for name, p in module.named_parameters() if name in names}
        self._shapes = {name: p.shape for name, p in module.named_parameters() if name in names}
        self._module = module
        self._weights = MovableWeights(module, names)
        self._extraction = extraction

    def random_direction(self, seed: int) -> Weights:
        """Independent standard normal numbers for all weights, alike on all devices."""
        generator = torch.Generator().manual_seed(seed)
        return {
            name: torch.randn(shape, generator=generator).to(self._device, self._types[name])
            for name, shape in self._shapes.items()
        }

    def given_direction(self, direction: Mapping[str, Any]) -> Weights:
        """A user's direction, checked."""
        if not isinstance(direction, Mapping) or set(direction) != set(self._shapes):
            raise ValueError(
                f"The direction must be a dict with the parameters {_listed(self._shapes)}. "
                f"Got {_listed(direction)} instead."
            )
        weights = {}
        for name, shape in self._shapes.items():
            value = torch.as_tensor(direction[name]).detach()
            if value.shape != shape:
                raise ValueError(
                    f"The direction must have the shape {tuple(shape)} for {name!r}. "
                    f"Got {tuple(value.shape)} instead."
                )
            weights[name] = value.to(self._device, self._types[name])
        return weights

    def along(
        self,
        X: Any,
        directions: Callable[[], Iterator[Weights]],
        finish: Callable[[list[list[torch.Tensor]]], torch.Tensor],
    ) -> NDArray:
        """Rows that `finish` makes of the derivatives: a list of layers for each direction."""

        def write(features: Features, batch: Any, n_full: int | None) -> torch.Tensor:
            inputs = self._make_inputs(batch)
            slopes = []
            for direction in directions():
                with self._weights.moving(direction):
                    layers = features(_copied(inputs), n_full)
                    slopes.append([derivative_of(rows) for rows in layers])
            return finish(slopes)

        with forward_derivatives(), self._extraction(self._module).opened() as features:
            return self._collected(X, features, write)

    def pulled_back(self, X: Any, cotangents: NDArray) -> dict[str, NDArray]:
        """The gradient of the sum of all features times cotangents, by parameter."""
        done = 0

        def add(features: Features, batch: Any, n_full: int | None) -> torch.Tensor:
            nonlocal done
            rows = side_by_side(features(self._make_inputs(batch), n_full))
            factors = cotangents[done : done + len(rows)]
            done += len(rows)
            if factors.shape != rows.shape:
                raise ValueError(
                    "The cotangents must have a row for each sample and a column for each of "
                    f"{rows.shape[1]} features. Got shape {cotangents.shape} instead."
                )
            value = (rows * torch.as_tensor(factors).to(rows)).sum()
            if value.requires_grad:
                value.backward()
            return rows.new_zeros(len(rows), 0)

        with (
            differentiable(self._module, self._device),
            self._extraction(self._module).opened() as features,
            self._weights.with_gradients() as leaves,
        ):
            self._collected(X, features, add)
            if done != len(cotangents):
                raise ValueError(
                    f"The cotangents must have a row for each of {done} samples. "
                    f"Got {len(cotangents)} rows instead."
                )
            return {
                name: np.zeros(leaf.shape)
                if leaf.grad is None
                else leaf.grad.cpu().double().numpy()
                for name, leaf in leaves.items()
            }

    def _collected(
        self,
        X: Any,
        features: Features,
        make: Callable[[Features, Any, int | None], torch.Tensor],
    ) -> NDArray:
        owner = self._owner
        batches = open_batches(owner, X, owner.batch_size, reset=False)
        collector = RowCollector(batches.n_rows, owner.dtype)
        with BatchProgress(type(owner).__name__, batches.n_rows, quiet=not owner.verbose) as shown:
            for batch in batches.make():
                rows = make(features, batch, batches.n_full)
                torch.from_numpy(collector.block(rows.shape)).copy_(rows)
                shown.update(collector.n_written)
        return collector.result()


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
