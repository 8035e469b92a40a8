"""The device that a `device` parameter means."""

from __future__ import annotations

from typing import Any

import torch

from .._validation import parameter_error


def resolve_device(owner: object, device: Any) -> torch.device:
    """The device of torch that a parameter names.

    Parameters
    ----------
    owner : object
        The estimator, which the error names.
    device : str or torch.device
        ``"auto"``, which is CUDA where torch sees a device and else the CPU, or a device of torch.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If torch has no such device here.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    allowed = "'auto' or a device that torch has here, such as 'cpu'"
    if not isinstance(device, str | torch.device):
        raise parameter_error(owner, "device", allowed, device)
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise parameter_error(owner, "device", allowed, device) from error
    return found
