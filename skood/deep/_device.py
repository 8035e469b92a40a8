"""The device of a `device` parameter."""

from __future__ import annotations

from typing import Any

import torch

from .._validation import parameter_error


def resolve_device(owner: object, device: Any) -> torch.device:
    """The device of torch for a parameter; ``"auto"`` is CUDA if there is a GPU, else the CPU."""
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    allowed = "'auto' or a device that torch has here, such as 'cpu'"
    if not isinstance(device, str | torch.device):
        raise parameter_error(owner, "device", allowed, device)
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise parameter_error(owner, "device", allowed, device) from error
    return resolved
