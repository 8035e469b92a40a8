"""A module where it is to be computed, without moving the user's own."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import nn

from .._validation import parameter_error
from ._device import resolve_device


def plain_module(owner: object, module: Any) -> nn.Module:
    """The module whose layers are called one by one, of what a user gives.

    Parameters
    ----------
    owner : object
        The estimator, which errors name.
    module : torch.nn.Module
        The module; one made by `torch.compile` stands for the one that it was made of.

    Returns
    -------
    torch.nn.Module
        The module.

    Raises
    ------
    ValueError
        If it is no module, or has no weights yet.
    """
    if not isinstance(module, nn.Module):
        raise parameter_error(owner, "module", "a torch.nn.Module", module)
    module = getattr(module, "_orig_mod", module) if _is_compiled(module) else module
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        if nn.parameter.is_lazy(tensor) or tensor.is_meta:
            allowed = f"a module whose weights are there; {name!r} is not, call the module once"
            raise parameter_error(owner, "module", allowed, type(module).__name__)
    return module


def device_for(owner: object, device: Any, module: nn.Module) -> torch.device:
    """The device that a `device` parameter means for a module.

    Parameters
    ----------
    owner : object
        The estimator, which errors name.
    device : str or torch.device
        ``"auto"``: where the module is, if that is not the CPU; else a GPU if there is one. What
        `torch.jit` made stays where it is, since its copies take no hooks.
    module : torch.nn.Module
        The module.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If torch has no such device here, or the module can't be copied there.
    """
    home = next((t.device for t in _tensors(module)), None)
    stays = any(isinstance(part, torch.jit.ScriptModule) for part in module.modules())
    auto = isinstance(device, str) and device == "auto"
    if auto and home is not None and (stays or home.type != "cpu"):
        return home
    found = resolve_device(owner, device)
    if stays and home not in (None, torch.empty(0, device=found).device):
        allowed = f"'auto' or {str(home)!r}, where the module is, for one made by torch.jit"
        raise parameter_error(owner, "device", allowed, device)
    return found


def on_device(module: nn.Module, device: torch.device) -> nn.Module:
    """The module itself where it is on the device, else a copy there.

    A module that is moved and moved back would be gone for other threads in between, so the user's
    own one stays where it is. A copy costs its memory on the device for the time of a call.

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
    here = torch.empty(0, device=device).device  # "cuda" means one of several
    if all(tensor.device == here for tensor in _tensors(module)):
        return module
    # Tensors are put into the copy where they are to be: they are never there twice. Made in a
    # caller's inference mode, they could have no gradient pass through them.
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
    # By name: importing where the class is defined takes a second.
    return type(module).__name__ == "OptimizedModule"
