"""The three lines of the FSSD poster's derivation, term by term, along one training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skood.deep import TangentFeatureTransformer

Slopes = dict[str, NDArray]


def output_gradients(net: nn.Module, X: torch.Tensor, y: torch.Tensor, layers: list[str]) -> Slopes:
    """The gradient of the mean loss in the outputs of layers, a row for each training row."""
    outputs: dict[str, torch.Tensor] = {}

    def keep(layer: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            output.retain_grad()
            outputs[layer] = output

        return hook

    hooks = [net.get_submodule(layer).register_forward_hook(keep(layer)) for layer in layers]
    try:
        with torch.enable_grad():
            loss = nn.functional.cross_entropy(net(X), y)
            loss.backward()
    finally:
        for hook in hooks:
            hook.remove()
    slopes = {layer: output.grad.numpy().astype(float) for layer, output in outputs.items()}
    net.zero_grad(set_to_none=True)
    return slopes


def trapezoid_weights(steps: list[int]) -> NDArray[np.float64]:
    """The length of training that each checkpoint stands for, in steps."""
    gaps = np.diff(steps).astype(float)
    return np.concatenate([[gaps[0] / 2], (gaps[:-1] + gaps[1:]) / 2, [gaps[-1] / 2]])


def moved_by_kernel(net: nn.Module, layer: str, X_m: Any, nu: NDArray, X: Any) -> NDArray:
    """Σ_m Θ(x, x_m) ν_m with the kernel of matrices of the net as it is: one vjp, one jvp."""
    tangent = TangentFeatureTransformer(net, layer, n_projections=1, batch_size=250).fit(X_m[:2])
    return tangent.jvp(X, tangent.vjp(X_m, nu)).astype(float)
