"""Gradients with respect to inputs only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ._batches import Inputs

_CUDNN_LOCK = threading.Lock()


def gradient_in(inputs: Inputs, objective: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Gradient of the sum over the samples, so of each sample's objective in its own values."""
    if isinstance(inputs, dict) or not inputs.is_floating_point():
        raise ValueError(
            "X must hold arrays of real numbers to have a gradient, not dicts or tokens."
        )
    inputs.requires_grad_()
    # The module may change the copy in place.
    value = objective(inputs.clone())
    if not isinstance(value, torch.Tensor) or value.shape not in ((), (len(inputs),)):
        got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        raise ValueError(
            f"The objective must return a tensor of shape ({len(inputs)},) or () for "
            f"{len(inputs)} samples. Got {got} instead."
        )
    (slope,) = (
        torch.autograd.grad(value.sum(), inputs, allow_unused=True)
        if value.requires_grad
        else (None,)
    )
    if slope is None:
        raise ValueError("The objective must depend on the inputs in a differentiable way.")
    return slope.detach()


@contextmanager
def differentiable(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Gradients on for a block, also through recurrent layers in evaluation mode.

    cuDNN differentiates recurrent layers in training mode only, so the block does without cuDNN.
    All threads share its switch. They take turns, so that each restores the right state.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        if device.type != "cuda" or not any(isinstance(m, nn.RNNBase) for m in module.modules()):
            yield
            return
        with _CUDNN_LOCK:
            before = torch.backends.cudnn.enabled
            torch.backends.cudnn.enabled = False
            try:
                yield
            finally:
                torch.backends.cudnn.enabled = before
