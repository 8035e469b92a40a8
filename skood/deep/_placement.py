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
    """The module with callable layers for the module from a user.

    Parameters
    ----------
    owner : object
        The estimator, for errors.
    module : torch.nn.Module
        The module. For one made by `torch.compile`, the original module is returned.

    Returns
    -------
    torch.nn.Module
        The module.

    Raises
    ------
    ValueError
        If it is not a module, or has no weights yet.
    """
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

    Parameters
    ----------
    owner : object
        The estimator, for errors.
    device : str or torch.device
        ``"auto"`` is the module's device if that is not the CPU, else a GPU if there is one. A
        module made by `torch.jit` stays on its device, because its copies take no hooks.
    module : torch.nn.Module
        The module.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If torch has no such device here, or the module cannot be copied to it.
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

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    device : torch.device
        The device.

    Returns
    -------
    torch.nn.Module
        The module or its copy.
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
