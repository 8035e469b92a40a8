"""A module on the device to compute on; the user's module is not moved."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import nn

from .._validation import parameter_error
from ._device import resolve_device


def plain_module(owner: object, module: Any) -> nn.Module:
    """The user's module, or the original of one made by `torch.compile`, for its layers."""
    if not isinstance(module, nn.Module):
        raise parameter_error(owner, "module", "a torch.nn.Module", module)
    module = getattr(module, "_orig_mod", module) if _is_compiled(module) else module
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        if nn.parameter.is_lazy(tensor) or tensor.is_meta:
            allowed = f"a module with weights; {name!r} has none yet, so call the module once"
            raise parameter_error(owner, "module", allowed, type(module).__name__)
    return module


def device_for(owner: object, device: Any, module: nn.Module) -> torch.device:
    """The device of a `device` parameter for a module.

    ``"auto"`` is the module's device if that is not the CPU, else a GPU if there is one. A module
    made by `torch.jit` stays on its device, because its copies take no hooks.
    """
    home = next((t.device for t in _tensors(module)), None)
    stays = any(isinstance(part, torch.jit.ScriptModule) for part in module.modules())
    auto = isinstance(device, str) and device == "auto"
    if auto and home is not None and (stays or home.type != "cpu"):
        return home
    resolved = resolve_device(owner, device)
    if stays and home not in (None, torch.empty(0, device=resolved).device):
        allowed = f"'auto' or {str(home)!r}, the device of this module made by torch.jit"
        raise parameter_error(owner, "device", allowed, device)
    return resolved


def on_device(module: nn.Module, device: torch.device) -> nn.Module:
    """The module if it is on the device, else a copy on the device.

    The user's module never moves, because other threads may use it meanwhile. A copy takes its
    memory on the device for the time of a call.
    """
    here = torch.empty(0, device=device).device  # with the number of a "cuda" device
    if all(tensor.device == here for tensor in _tensors(module)):
        return module
    # The copy gets moved tensors, so that the device never holds them twice. Tensors made in a
    # caller's inference mode would block gradients.
    memo: dict[int, Any] = {}
    with torch.inference_mode(mode=False):
        for tensor in _tensors(module):
            moved = tensor.detach().to(here)
            is_parameter = isinstance(tensor, nn.Parameter)
            memo[id(tensor)] = nn.Parameter(moved, tensor.requires_grad) if is_parameter else moved
        return copy.deepcopy(module, memo).to(here)


def _tensors(module: nn.Module) -> chain[torch.Tensor]:
    return chain(module.parameters(), module.buffers())


def _is_compiled(module: nn.Module) -> bool:
    # By name: an import of the class takes a second.
    return type(module).__name__ == "OptimizedModule"
